// Command sizing computes how so many cameras are laid out: partitions, chunks,
// machines, files, network, state, lag. See docs/scale.md.
//
//	go run ./docs/sizing --cameras=1,100,10000 --engine=direct,flink,flink
//	go run ./docs/sizing --cameras=10000 --simulate
//	go run ./docs/sizing --costs
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	err := run(os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "sizing:", err)
		os.Exit(2)
	}
}

// run does what the command line says.
func run(args []string, out io.Writer) error {
	c, err := parse(args, out)
	if err != nil {
		return err
	}
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
