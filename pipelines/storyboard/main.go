// Command storyboard is framebeam storyboard as a program of its own.
package main

import "github.com/framebeam/framebeam/cli"

func main() { cli.Only("storyboard") }
