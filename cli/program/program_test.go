package program

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// tree is a program with a command below a command. What is done is noted in did.
func tree(did *[]string, result error) *cobra.Command {
	root := &cobra.Command{Use: "fly", Args: cobra.ArbitraryArgs, RunE: func(*cobra.Command, []string) error { return Ended(Usage) }}
	kite := &cobra.Command{Use: "kite"}
	up := &cobra.Command{Use: "up", RunE: func(c *cobra.Command, args []string) error {
		*did = append([]string{c.Flag("height").Value.String(), c.Flag("fast").Value.String()}, args...)
		return result
	}}
	up.Flags().String("height", "10m", "")
	up.Flags().Bool("fast", false, "")
	kite.AddCommand(up)
	root.AddCommand(kite)
	return root
}

func TestFlagsAndArgumentsReachTheCommand(t *testing.T) {
	for args, want := range map[string][]string{
		"kite up":                            {"10m", "false"},
		"kite up -height 3m -fast home":      {"3m", "true", "home"},
		"kite up -height=-3m - home":         {"-3m", "false", "-", "home"},
		"--quiet kite -log-format json up x": {"10m", "false", "x"},
		"kite up -fast=false -- -height":     {"10m", "false", "-height"},
		"kite up --height -fast":             {"-fast", "false"},
	} {
		var did []string
		var stdout, stderr bytes.Buffer
		if code := Run(t.Context(), tree(&did, nil), strings.Fields(args), &stdout, &stderr); code != Done || !slices.Equal(did, want) {
			t.Errorf("%s: exit code %d, %q, want %q\n%s", args, code, did, want, &stderr)
		}
	}
}

func TestWithWhatAProgramEnds(t *testing.T) {
	for _, c := range []struct {
		result error
		code   int
		says   string
	}{
		{nil, Done, ""},
		{errors.New("no wind"), Failed, "no wind\n"},
		{Wrong(errors.Join(errors.New("one"), errors.New("two"))), Usage, "one\ntwo\n"},
		{Wrong(nil), Done, ""},
		{Ended(Failed), Failed, ""},
		{Ended(Done), Done, ""},
	} {
		var did []string
		var stdout, stderr bytes.Buffer
		code := Run(t.Context(), tree(&did, c.result), []string{"kite", "up"}, &stdout, &stderr)
		if code != c.code || stderr.String() != c.says || stdout.Len() > 0 {
			t.Errorf("%v: exit code %d, %s%s", c.result, code, &stdout, &stderr)
		}
	}
}

func TestWhatIsWrongIsSaidInALine(t *testing.T) {
	for args, want := range map[string]string{
		"kiet":                       "unknown command \"kiet\"; did you mean \"kite\"? (see fly --help)\n",
		"kite down --hight 3":        "unknown command \"down\" (see fly kite --help)\n",
		"kite up --hight 3":          "unknown flag: --hight; did you mean \"--height\"? (see fly kite up --help)\n",
		"kite up -hight=3":           "unknown flag: --hight; did you mean \"--height\"? (see fly kite up --help)\n",
		"kite up --height":           "flag needs an argument: --height (see fly kite up --help)\n",
		"kite up --log-format=yaml":  "--log-format=yaml: not text or json\n",
		"kite up -q":                 "unknown shorthand flag: 'q' in -q (see fly kite up --help)\n",
		"kite up --fast=very --help": "invalid argument \"very\" for \"--fast\" flag: strconv.ParseBool: parsing \"very\": invalid syntax (see fly kite up --help)\n",
	} {
		var did []string
		var stdout, stderr bytes.Buffer
		if code := Run(t.Context(), tree(&did, nil), strings.Fields(args), &stdout, &stderr); code != Usage || stdout.Len() > 0 || stderr.String() != want || did != nil {
			t.Errorf("%s: exit code %d\n%s%s", args, code, &stdout, &stderr)
		}
	}
}
