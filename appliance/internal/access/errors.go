package access

import "fmt"

// FieldError says which field of what was asked for cannot be taken, and what
// would be good.
type FieldError struct{ Field, Value, Want string }

func (e *FieldError) Error() string {
	if e.Value == "" { // absent, or a secret
		return fmt.Sprintf("%s: want %s", e.Field, e.Want)
	}
	return fmt.Sprintf("%s %q: want %s", e.Field, e.Value, e.Want)
}
