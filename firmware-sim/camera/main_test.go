package camera_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets many tests run at once: they wait for cameras, not for a
// processor.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
