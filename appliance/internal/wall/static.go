package wall

import (
	"embed"
	"errors"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"
)

//go:embed all:web/dist
var dist embed.FS

//go:embed openapi.json
var openapiDocument []byte

const notBuilt = `Watchpost runs, but its pages are not built into this program.

Build them and the program again:

    make build

or only the pages:

    cd appliance/internal/wall/web && npm ci && npm run build

The API is here all the same: /api/openapi.json describes it.
`

func (s *Server) openapi(c *fiber.Ctx, _ caller) error {
	c.Set(fiber.HeaderCacheControl, "no-cache")
	return sendBytes(c, fiber.MIMEApplicationJSON, openapiDocument)
}

// page serves the front end. Its routes are the browser's: whatever is no
// file is index.html.
func (s *Server) page(c *fiber.Ctx, _ caller) error {
	name := path.Clean("/" + c.Path())[1:]
	if name == "api" || strings.HasPrefix(name, "api/") {
		return fiber.ErrNotFound
	}
	if name == "" {
		name = "index.html"
	}
	body, err := fs.ReadFile(dist, "web/dist/"+name)
	hidden := strings.HasPrefix(path.Base(name), ".")
	if (err != nil || hidden) && path.Ext(name) == "" && !hidden {
		name = "index.html"
		body, err = fs.ReadFile(dist, "web/dist/index.html")
	}
	switch {
	case err == nil && !hidden:
	case name == "index.html":
		c.Status(http.StatusServiceUnavailable)
		return c.SendString(notBuilt)
	case hidden || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid):
		return fiber.ErrNotFound
	default:
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-cache")
	if strings.HasPrefix(name, "assets/") { // their names change with their content
		c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	}
	return sendBytes(c, kindOf(name), body)
}

// kindOf does not rest on what the machine knows: browsers are told not to
// guess.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".json", ".map", ".geojson":
		return fiber.MIMEApplicationJSON
	case ".webmanifest":
		return "application/manifest+json"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".ico":
		return "image/x-icon"
	case ".woff2":
		return "font/woff2"
	case ".wasm":
		return "application/wasm"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	return fiber.MIMEOctetStream
}
