package wall

import (
	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/schema"
)

// mimeSchema is the media type of a JSON Schema.
const mimeSchema = "application/schema+json"

func (s *Server) asyncapi(c *fiber.Ctx, _ caller) error {
	c.Set(fiber.HeaderCacheControl, "no-cache")
	return sendBytes(c, fiber.MIMEApplicationJSON, schema.AsyncAPI())
}

func (s *Server) schemaIndex(c *fiber.Ctx, _ caller) error {
	c.Set(fiber.HeaderCacheControl, "no-cache")
	return sendBytes(c, fiber.MIMEApplicationJSON, schema.Index())
}

// schemaFile is the schema of one type of event or of one message.
func (s *Server) schemaFile(c *fiber.Ctx, _ caller) error {
	name := c.Params("name")
	text, err := schema.Read(name)
	if err != nil {
		return fault(fiber.StatusNotFound, "not_found", "see /api/schemas/", "there is no schema %q", name)
	}
	c.Set(fiber.HeaderCacheControl, "no-cache")
	return sendBytes(c, mimeSchema, text)
}
