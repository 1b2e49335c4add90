package program

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// This stands for the command in its examples: it has a name of two words in framebeam.
const This = "{command}"

// groupOf is the annotation of a flag that names its group in the help.
const groupOf = "framebeam_group"

// InGroup adds flags to f that stand together in the help.
func InGroup(f *pflag.FlagSet, group string, define func(*pflag.FlagSet)) {
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	set.SortFlags = false
	define(set)
	set.VisitAll(func(g *pflag.Flag) { _ = set.SetAnnotation(g.Name, groupOf, []string{group}) })
	f.AddFlagSet(set)
}

// Group is the group of a flag in the help, "" if it has none.
func Group(f *pflag.Flag) string {
	if of := f.Annotations[groupOf]; of != nil {
		return of[0]
	}
	return ""
}

// The width of help where it does not go to a terminal, and bounds of it where it does.
const helpWidth, narrowest, widest = 100, 60, 120

func width(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return helpWidth
	}
	n, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return helpWidth
	}
	return min(max(n, narrowest), widest)
}

// writeHelp writes what a command does, the commands below it in groups, and its flags in
// groups.
func writeHelp(w io.Writer, c *cobra.Command) {
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	fmt.Fprintf(w, "%s\n\nUsage:\n", strings.TrimSpace(text))
	if !c.HasAvailableSubCommands() || Itself(c) {
		fmt.Fprintf(w, "  %s\n", c.UseLine())
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(w, "  %s COMMAND [flags]\n", c.CommandPath())
	}
	if c.HasExample() {
		fmt.Fprintf(w, "\nExamples:\n%s\n", strings.ReplaceAll(strings.TrimRight(c.Example, "\n"), This, c.CommandPath()))
	}
	if c.HasAvailableSubCommands() {
		writeCommands(w, c)
	}
	writeFlags(w, c)
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\n%s COMMAND --help says more of a command.\n", c.CommandPath())
	}
}

func writeCommands(w io.Writer, c *cobra.Command) {
	groups := append(c.Groups(), &cobra.Group{Title: "More"}) // and those of no group
	for _, g := range groups {
		title := g.Title
		for _, below := range c.Commands() {
			if below.GroupID != g.ID || !below.IsAvailableCommand() {
				continue
			}
			if title != "" {
				fmt.Fprintf(w, "\n%s:\n", title)
				title = ""
			}
			fmt.Fprintf(w, "  %-*s  %s\n", c.Commands()[0].NamePadding(), below.Name(), below.Short)
		}
	}
}

// writeFlags writes the flags in groups, those of no group first and what all commands
// have last.
func writeFlags(w io.Writer, c *cobra.Command) {
	groups := map[string]*pflag.FlagSet{}
	names := []string{""}
	note := func(f *pflag.Flag) {
		name := Group(f)
		if f.Hidden {
			return
		}
		if groups[name] == nil {
			groups[name] = pflag.NewFlagSet("", pflag.ContinueOnError)
			groups[name].SortFlags = false
			if name != "" {
				names = append(names, name)
			}
		}
		groups[name].AddFlag(f)
	}
	c.LocalFlags().VisitAll(note)
	c.InheritedFlags().VisitAll(note)
	for _, name := range names {
		if groups[name] == nil {
			continue
		}
		title := name + " flags"
		if name == "" {
			title = "Flags"
		}
		fmt.Fprintf(w, "\n%s:\n%s", title, groups[name].FlagUsagesWrapped(width(w)))
	}
}
