package whep

import (
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// loggers hands pion's messages to slog, one level down: what pion warns of
// (a viewer that went away) is ordinary here.
type loggers struct{ log *slog.Logger }

func (l loggers) NewLogger(scope string) logging.LeveledLogger {
	return logger{l.log.With("scope", scope)}
}

type logger struct{ log *slog.Logger }

func (logger) Trace(string)                   {}
func (logger) Tracef(string, ...any)          {}
func (logger) Debug(string)                   {}
func (logger) Debugf(string, ...any)          {}
func (logger) Info(string)                    {}
func (logger) Infof(string, ...any)           {}
func (l logger) Warn(msg string)              { l.log.Debug(msg) }
func (l logger) Warnf(f string, args ...any)  { l.log.Debug(fmt.Sprintf(f, args...)) }
func (l logger) Error(msg string)             { l.log.Info(msg) }
func (l logger) Errorf(f string, args ...any) { l.log.Info(fmt.Sprintf(f, args...)) }
