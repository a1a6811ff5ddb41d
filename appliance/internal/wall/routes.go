package wall

import (
	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// apiV1 is where the API's first version stands.
const apiV1 = "/api/v1"

// pagesPath is every path that nothing else answers: the front end's.
const pagesPath = "/*"

// router adds routes; each needs its row in access's table.
type router struct {
	s   *Server
	app *fiber.App
}

func (r router) get(path string, h handler)    { r.s.route(r.app, fiber.MethodGet, path, h) }
func (r router) post(path string, h handler)   { r.s.route(r.app, fiber.MethodPost, path, h) }
func (r router) patch(path string, h handler)  { r.s.route(r.app, fiber.MethodPatch, path, h) }
func (r router) delete(path string, h handler) { r.s.route(r.app, fiber.MethodDelete, path, h) }

// routes are all that there are; each has a row in access.DefaultTable and,
// but for the front end's files, an entry in openapi.json.
func (s *Server) routes(app *fiber.App) {
	r := router{s, app}
	r.get("/healthz", s.alive)
	r.get("/readyz", s.ready)
	r.get("/ca.crt", s.caFile)
	r.get("/ca.svg", s.caCode)
	r.get("/metrics", s.showMetrics())
	r.get("/api/openapi.json", s.openapi)
	r.get("/api/asyncapi.json", s.asyncapi)
	r.get("/api/schemas/", s.schemaIndex)
	r.get("/api/schemas/:name", s.schemaFile)

	s.accessRoutes(r)
	s.incidentRoutes(r)
	s.taskRoutes(r)
	s.dutyRoutes(r)
	s.reviewRoutes(r)
	s.deviceRoutes(r)
	r.get(pagesPath, s.page)
}

// accessRoutes are who may, who asked, and what was done.
func (s *Server) accessRoutes(r router) {
	r.post(apiV1+"/session", s.login)
	r.get(apiV1+"/session", s.whoami)
	r.delete(apiV1+"/session", s.logout)
	r.post(apiV1+"/session/password", s.changePassword)
	r.post(apiV1+"/session/lock", s.lock)
	r.post(apiV1+"/session/unlock", s.unlock)
	r.get(apiV1+"/trust", s.trust)
	r.get(apiV1+"/setup", s.setupNeeded)
	r.post(apiV1+"/setup", s.setup)
	r.get(apiV1+"/users", s.users)
	r.post(apiV1+"/users", s.addUser)
	r.patch(apiV1+"/users/:name", s.changeUser)
	r.delete(apiV1+"/users/:name/sessions", s.endSessions)
	r.get(apiV1+"/tokens", s.tokens)
	r.post(apiV1+"/tokens", s.makeToken)
	r.delete(apiV1+"/tokens/:id", s.revokeToken)
	r.get(apiV1+"/holds", s.holds)
	r.post(apiV1+"/holds", s.placeHold)
	r.get(apiV1+"/audit", s.audit)
	r.get(apiV1+"/audit.jsonl", s.auditExport(newAuditLines, "application/jsonl", ".jsonl"))
	r.get(apiV1+"/audit.csv", s.auditExport(newAuditTable, "text/csv; charset=utf-8", ".csv"))
	r.get(apiV1+"/approvals", s.approvalList)
	r.post(apiV1+"/approvals", s.requestApproval)
	r.post(apiV1+"/approvals/:id/approve", s.approve)
	r.delete(apiV1+"/approvals/:id", s.withdraw)
}

// incidentRoutes are what happened, and what the room makes of it.
func (s *Server) incidentRoutes(r router) {
	r.get(apiV1+"/room", s.room)
	r.get(apiV1+"/events", s.events)
	r.get(apiV1+"/incidents", s.incidents)
	r.post(apiV1+"/incidents", s.report)
	r.get(apiV1+"/nearby", s.nearby)
	r.get(apiV1+"/incidents/:id", s.incident)
	r.get(apiV1+"/incidents/:id/evidence.zip", s.evidence)
	for _, verb := range desk.IncidentVerbs() {
		r.post(apiV1+"/incidents/:id/"+verb, s.act(verb))
	}
	r.post(apiV1+"/incidents/:id/route", s.routeIncident)
	r.get(apiV1+"/alerts", s.alerts)
	r.post(apiV1+"/alerts/:id/shown", s.shown)
}

// taskRoutes are the orders, and what partners say to theirs.
func (s *Server) taskRoutes(r router) {
	r.get(apiV1+"/tasks", s.tasks)
	r.post(apiV1+"/tasks", s.issue)
	r.get(apiV1+"/tasks/:id", s.task)
	for _, verb := range desk.TaskVerbs() {
		r.post(apiV1+"/tasks/:id/"+verb, s.taskAct(verb))
	}
	r.post(picturesPath, s.bringPicture)
	r.get(apiV1+"/templates", s.templates)
	r.get(apiV1+"/routing", s.routing)
	r.post(apiV1+"/partners/:id/replies", s.partnerReply)
}

// dutyRoutes are who is on duty, patrols, drills and the shift's handover.
func (s *Server) dutyRoutes(r router) {
	r.get(apiV1+"/forces", s.forces)
	r.get(apiV1+"/incidents/:id/forces", s.incidentForces)
	r.post(apiV1+"/duty", s.duty)
	r.post(apiV1+"/positions", s.reportPosition)
	r.get(apiV1+"/persons/:id/track", s.personTrack)
	r.get(apiV1+"/patrols", s.patrols)
	r.post(apiV1+"/patrols/:plan/begin", s.beginRound)
	for _, verb := range desk.RoundVerbs() {
		r.post(apiV1+"/rounds/:id/"+verb, s.roundAct(verb))
	}
	r.get(apiV1+"/drills", s.drills)
	r.post(apiV1+"/drills/:target/run", s.runDrill)
	r.post(apiV1+"/drills/:target/:rule/run", s.runDrill)
	r.get(apiV1+"/handover", s.handover)
	r.post(apiV1+"/handover", s.handOver)
	r.post(apiV1+"/handover/:id/take", s.takeOver)
	r.post(apiV1+"/handover/:id/withdraw", s.withdrawHandover)
	r.get(apiV1+"/handovers", s.formerHandovers)
	r.get(apiV1+"/handovers/:id", s.formerHandover)
}

// reviewRoutes are what the days add up to.
func (s *Server) reviewRoutes(r router) {
	r.get(apiV1+"/review", s.reviewPage)
	r.get(apiV1+"/review.csv", s.reviewCSV)
	r.get(apiV1+"/review/people", s.reviewPeople)
	r.get(apiV1+"/review/people.csv", s.peopleCSV)
}

// deviceRoutes are devices, headquarters, and what cameras gave.
func (s *Server) deviceRoutes(r router) {
	r.get(apiV1+"/cameras", s.cameras)
	r.get(apiV1+"/cameras.csv", s.exportCameras)
	r.post(apiV1+"/cameras.csv", s.importCameras)
	r.get(apiV1+"/pillars", s.pillars)
	r.get(apiV1+"/drones", s.drones)
	r.get(apiV1+"/uplinks", s.uplinks)
	r.post(apiV1+"/uplinks/:name/set-aside/:id/send", s.sendAside)
	r.post(apiV1+"/uplinks/:name/receipts", s.down(bridge.KindReceipt))
	r.post(apiV1+"/uplinks/:name/tasks", s.down(bridge.KindTask))
	r.post(apiV1+"/uplinks/:name/incidents", s.down(bridge.KindIncident))
	r.post(apiV1+"/uplinks/:name/replay", s.down(bridge.KindReplay))
	r.get(apiV1+"/blind", s.blind)
	r.get(apiV1+"/health", s.health)
	r.get(apiV1+"/journal", s.journal)

	r.get(apiV1+"/cameras/:id/snapshot.jpg", s.picture)
	r.get(apiV1+"/cameras/:id/clip.mp4", s.cut)
	r.get(apiV1+"/cameras/:id/clip.json", s.cutFacts)
	r.get(apiV1+"/cameras/:id/recordings", s.recordings)
	r.get(apiV1+"/snapshots/:sha256.jpg", s.snapshot)
	r.get(apiV1+"/clips/:id/:part.mp4", s.clip)
	r.get(apiV1+"/drones/:id/track", s.track)

	r.post(apiV1+"/cameras/:id/whep", s.whepOpen)
	r.patch(apiV1+"/cameras/:id/whep/:session", s.whepPatch)
	r.delete(apiV1+"/cameras/:id/whep/:session", s.whepClose)
}
