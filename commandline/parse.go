// Package commandline reads the flags of commands alike: who asks for help gets it on
// standard output, and what is wrong is said in one line on standard error.
package commandline

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Parse parses a command's arguments. Asked for help, it writes usage, if there is any,
// and all flags to stdout, and returns flag.ErrHelp; other errors say where help is.
func Parse(f *flag.FlagSet, args []string, usage string, stdout io.Writer) error {
	f.Init(f.Name(), flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {} // not after every error, which it would bury
	err := f.Parse(args)
	switch name := filepath.Base(f.Name()); {
	case errors.Is(err, flag.ErrHelp):
		if usage == "" {
			usage = fmt.Sprintf("Usage of %s:\n", name)
		}
		fmt.Fprint(stdout, usage)
		f.SetOutput(stdout)
		f.PrintDefaults()
	case err != nil:
		return fmt.Errorf("%w (see %s --help)", err, name)
	}
	return err
}

// ParseOrExit parses the command line of this process, which ends with 0 after help, and
// with 2 if the command line is wrong.
func ParseOrExit() {
	switch err := Parse(flag.CommandLine, os.Args[1:], "", os.Stdout); {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
