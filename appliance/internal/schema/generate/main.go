// Command generate writes the files of package schema: a JSON Schema of every
// type of event and of every message, their index, and the AsyncAPI document.
//
// It owns nothing that a box runs. It refuses a field that nothing describes:
// write a comment behind it, or its word into words.go. It fails with the
// reason on standard error and exit code 1; its test fails when what is
// committed is not what it would write.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "generate schemas:", err)
		os.Exit(1)
	}
}

// run writes the files into the folder of package schema, and takes away those
// that nothing asks for any more.
func run(dir string) error {
	files, err := generate(dir)
	if err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(dir, "json", "*.json"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if _, wanted := files["json/"+filepath.Base(path)]; !wanted {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
