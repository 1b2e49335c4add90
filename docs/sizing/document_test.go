package main

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the tables of docs/scale.md")

// A table of the document: the command in a comment, its output as text.
var block = regexp.MustCompile("(?s)<!-- sizing( [^\n]*)? -->\n```text\n(.*?)```\n")

func TestTheDocumentsTablesAreWhatTheProgramPrints(t *testing.T) {
	const file = "../scale.md"
	had, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	now := block.ReplaceAllFunc(had, func(b []byte) []byte {
		found++
		args := string(block.FindSubmatch(b)[1])
		var out bytes.Buffer
		if err := run(strings.Fields(args), &out); err != nil {
			t.Fatalf("sizing%s: %v", args, err)
		}
		return []byte("<!-- sizing" + args + " -->\n```text\n" + out.String() + "```\n")
	})
	if found == 0 || found != bytes.Count(had, []byte("<!-- sizing")) {
		t.Fatalf("%d tables found", found)
	}
	if bytes.Equal(had, now) {
		return
	}
	if !*rewrite {
		t.Fatal("docs/scale.md says something else than the program: run go test ./docs/sizing -rewrite and look at what changed")
	}
	if err := os.WriteFile(file, now, 0o644); err != nil {
		t.Fatal(err)
	}
}
