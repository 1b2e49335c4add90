// Command sizing computes how so many cameras are laid out: partitions, chunks,
// machines, files, network, state, lag. See docs/scale.md.
//
//	go run ./docs/sizing --cameras=1,100,10000 --engine=direct,flink,flink
//	go run ./docs/sizing --cameras=10000 --simulate
//	go run ./docs/sizing --costs
package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/program"
)

func main() {
	fs, said := define()
	c := &cobra.Command{Use: "sizing", Short: "Compute how so many cameras are laid out"}
	c.Flags().AddGoFlagSet(fs)
	c.RunE = func(c *cobra.Command, args []string) error {
		wanted, err := said(args)
		if err != nil {
			return program.Wrong(fmt.Errorf("sizing: %w", err))
		}
		return print(c.OutOrStdout(), wanted)
	}
	program.Main(c)
}

// print prints what the command line asks for.
func print(out io.Writer, c command) error {
	if c.costs {
		return printCosts(out)
	}
	var layouts []Layout
	for _, w := range c.columns {
		layouts = append(layouts, Plan(w))
	}
	if !c.simulate {
		if !c.limits {
			if err := printLayouts(out, layouts); err != nil {
				return err
			}
			fmt.Fprintln(out)
		}
		printLimits(out, layouts)
		return nil
	}
	for i := range layouts {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := printSimulation(out, &layouts[i], c.sim); err != nil {
			return err
		}
	}
	return nil
}
