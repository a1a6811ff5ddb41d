package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
)

// user changes the users file of the data directory; a running box sees the
// change at its next question.
func user(args []string, out, errs io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("user: say what to do: add, passwd, list or disable")
	}
	verb := args[0]
	flags, path := configFlag("user "+verb, errs)
	role := flags.String("role", "operator", "with add: `role`: wall, operator, lead, admin, officer or kiosk")
	passwordFile := flags.String("password-file", "", "with add and passwd: `file` with the password; default: one line from standard input")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	cfg, err := load(*path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cfg.Data.Dir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	users, err := access.OpenUsers(cfg.Data.Dir)
	if err != nil {
		return err
	}
	if verb == "list" {
		return listUsers(users, out)
	}
	name := flags.Arg(0)
	if name == "" || flags.NArg() > 1 {
		return fmt.Errorf("user %s: name one user after the flags", verb)
	}
	switch verb {
	case "add", "passwd":
		password, err := readPassword(*passwordFile, errs)
		if err != nil {
			return err
		}
		if verb == "passwd" {
			return users.Passwd(name, password)
		}
		parsed, err := access.ParseRole(*role)
		if err != nil {
			return err
		}
		return users.Add(name, password, parsed)
	case "disable":
		return users.Disable(name)
	}
	return fmt.Errorf("user %s: unknown; write add, passwd, list or disable", verb)
}

func listUsers(users *access.Users, out io.Writer) error {
	list, err := users.List()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tROLE\tSTATE\tMADE")
	for _, u := range list {
		state := "enabled"
		if u.Disabled {
			state = "disabled"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", u.Name, u.Role, state, u.CreatedAt.Format("2006-01-02"))
	}
	return table.Flush()
}

func readPassword(file string, errs io.Writer) (string, error) {
	if file != "" {
		b, err := os.ReadFile(file)
		return strings.TrimRight(string(b), "\r\n"), err
	}
	if fd := int(os.Stdin.Fd()); term.IsTerminal(fd) {
		fmt.Fprint(errs, "password: ")
		typed, err := term.ReadPassword(fd)
		fmt.Fprintln(errs)
		return string(typed), err
	}
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && line == "" {
		return "", fmt.Errorf("read password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}
