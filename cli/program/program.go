// Package program is what our programs have in common: how a command line is read, what
// its help looks like, what goes to which output, and with what a program ends.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/console"
	"github.com/framebeam/framebeam/strictyaml"
)

// Exit codes.
const (
	Done   = 0
	Failed = 1
	Usage  = 2 // the command line or a file that it names is wrong, and nothing was started
	// Differs is of commands that compare, and found differences.
	Differs = 3
)

// wrong is what is wrong with a command line.
type wrong struct{ error }

func (w wrong) Unwrap() error { return w.error }

// Wrong makes of an error of a command one that ends the program with [Usage]; nil stays
// nil.
func Wrong(err error) error {
	if err == nil {
		return nil
	}
	return wrong{err}
}

// Ended is the end of a command that has said itself what there was to say: its exit code.
// As a command's error it may be 0.
type Ended int

func (e Ended) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Main runs a command with the arguments of this process, and ends it.
func Main(c *cobra.Command) {
	os.Exit(Run(context.Background(), c, os.Args[1:], os.Stdout, os.Stderr))
}

// Run runs a command, or those below it, and returns the exit code. Help goes to stdout;
// what is wrong with the command line goes to stderr, in one line that says where help is,
// or in one for each violation that the command finds itself.
func Run(ctx context.Context, c *cobra.Command, args []string, stdout, stderr io.Writer) int {
	c.SetOut(stdout)
	c.SetErr(stderr)
	prepare(c, stderr)
	args, err := longFlags(c, args)
	if err == nil {
		c.SetArgs(args)
		err = c.ExecuteContext(ctx)
	}
	if err == nil {
		return Done
	}
	if code, ended := errors.AsType[Ended](err); ended {
		return int(code)
	}
	console.Default().Fail(err)
	if _, is := errors.AsType[wrong](err); is {
		return Usage
	}
	return Failed
}

// Interruptible returns a context that ends at the first interrupt or termination signal;
// a second one ends the process as usual.
func Interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// NoArguments is an error if a command that takes none has arguments.
func NoArguments(args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("unexpected argument %q", args[0])
}

// itself marks commands that [DoesItself] was told of.
const itself = "itself"

// DoesItself says of a command that it does something also without one of those below it,
// and says itself what is wrong with its arguments.
func DoesItself(c *cobra.Command) {
	c.Annotations = map[string]string{itself: ""}
	c.Args = cobra.ArbitraryArgs
}

// Itself reports whether a command is one of these.
func Itself(c *cobra.Command) bool {
	_, is := c.Annotations[itself]
	return is
}

// logging are the flags that every command has.
type logging struct {
	format string
	quiet  bool
}

// logGroup is the group of those flags in the help.
const logGroup = "Log"

func prepare(c *cobra.Command, stderr io.Writer) {
	console.Use(console.Open(stderr, console.Options{}))
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetHelpFunc(func(c *cobra.Command, _ []string) { writeHelp(c.OutOrStdout(), c) })
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return see(c, flagError(c, err)) })
	var l logging
	InGroup(c.PersistentFlags(), logGroup, func(f *pflag.FlagSet) {
		f.StringVar(&l.format, "log-format", "text", "`format` of what goes to standard error: text, or json (an object per line)")
		f.BoolVar(&l.quiet, "quiet", false, "say nothing of progress, only what went wrong")
	})
	inOrder(c)
	_ = c.RegisterFlagCompletionFunc("log-format", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	c.PersistentPreRunE = func(*cobra.Command, []string) error {
		if l.format != "text" && l.format != "json" {
			return Wrong(fmt.Errorf("--log-format=%s: not text or json", l.format))
		}
		out := console.Open(c.ErrOrStderr(), console.Options{JSON: l.format == "json", Quiet: l.quiet})
		console.Use(out)
		slog.SetDefault(slog.New(out.Handler(slog.LevelWarn)))
		return nil
	}
}

// inOrder shows the flags of a command, and of those below it, as they were defined.
func inOrder(c *cobra.Command) {
	c.Flags().SortFlags, c.PersistentFlags().SortFlags = false, false
	for _, below := range c.Commands() {
		inOrder(below)
	}
}

// see is an error of a command line, with where help is.
func see(c *cobra.Command, err error) error {
	return Wrong(fmt.Errorf("%w (see %s --help)", err, c.CommandPath()))
}

// flagError is what pflag says, with what was probably meant.
func flagError(c *cobra.Command, err error) error {
	unknown, is := errors.AsType[*pflag.NotExistError](err)
	if !is {
		return err
	}
	var names []string
	for _, set := range []*pflag.FlagSet{c.Flags(), c.InheritedFlags()} {
		set.VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				names = append(names, "--"+f.Name)
			}
		})
	}
	return fmt.Errorf("%w%s", err, strictyaml.DidYouMean("--"+unknown.GetSpecifiedName(), names))
}

// longFlags gives every flag with one dash, as package flag takes them too, its second,
// and refuses commands that are not there, whose flags would be told to be unknown.
func longFlags(c *cobra.Command, args []string) ([]string, error) {
	root := c
	c.InitDefaultHelpCmd()
	c.InitDefaultCompletionCmd()
	long := make([]string, 0, len(args))
	isValue, found := false, false
	for i, a := range args {
		switch {
		case a == "--" && !isValue:
			return append(long, args[i:]...), nil
		case isValue:
			isValue = false
		case len(a) > 2 && a[0] == '-':
			if a[1] != '-' {
				a = "-" + a
			}
			name, _, with := strings.Cut(a[2:], "=")
			f := c.Flag(name)
			isValue = !with && f != nil && f.NoOptDefVal == ""
		case strings.HasPrefix(a, "-"), found, strings.HasPrefix(a, cobra.ShellCompRequestCmd):
			found = found || strings.HasPrefix(a, cobra.ShellCompRequestCmd)
		case c.HasSubCommands():
			below := named(c, a)
			if below == nil && Itself(c) { // it knows what to say of arguments
				found = true
				break
			}
			if below == nil {
				return nil, see(c, unknownCommand(c, a))
			}
			c = below
			found = c.Parent() == root && (c.Name() == "help" || c.Name() == "completion")
		}
		long = append(long, a)
	}
	return long, nil
}

// named is the command of that name below c.
func named(c *cobra.Command, name string) *cobra.Command {
	for _, below := range c.Commands() {
		if below.Name() == name || below.HasAlias(name) {
			return below
		}
	}
	return nil
}

func unknownCommand(c *cobra.Command, name string) error {
	var names []string
	for _, below := range c.Commands() {
		if below.IsAvailableCommand() {
			names = append(names, below.Name())
		}
	}
	return fmt.Errorf("unknown command %q%s", name, strictyaml.DidYouMean(name, names))
}
