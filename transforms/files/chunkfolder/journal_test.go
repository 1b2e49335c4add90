package chunkfolder

import (
	"strings"
	"testing"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// Both formats, byte for byte: earlier programs read them.
func TestAJournalIsWrittenAsItAlwaysWas(t *testing.T) {
	for indent, want := range map[string][]string{
		"  ": {
			"{\n  \"format\": 3,\n  \"n\": 8,\n  \"block\": 4096\n}\n",
			"{\n  \"format\": 2,\n  \"topic\": \"frames\",\n  \"partition\": 1,\n  \"start\": 5\n}\n",
			"{\n  \"format\": 2,\n  \"generation\": 3,\n  \"chunk\": 7\n}\n",
		},
		"": {
			`{"format":3,"n":8,"block":4096}` + "\n",
			`{"format":2,"topic":"frames","partition":1,"start":5}` + "\n",
			`{"format":2,"chunk":7}` + "\n",
		},
	} {
		f, err := store.Open(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		j := Journal{Layout: "layout.json", Indent: indent}
		if l, err := j.CreateLayout(t.Context(), f, Layout{N: 8, Block: BlockChunks}); err != nil || l.N != 8 || l.Plain {
			t.Fatal(l, err)
		}
		// Who comes later gets what is there.
		if l, err := j.CreateLayout(t.Context(), f, Layout{N: 9, Block: 1}); err != nil || l.N != 8 || l.Block != BlockChunks {
			t.Fatal(l, err)
		}
		generation := 0
		if indent != "" {
			generation = 3
		}
		for _, start := range []int64{5, 6} {
			if err := j.CreateBase(t.Context(), f, "base.json", chunk.Partition{Topic: "frames", ID: 1}, start); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.WriteMark(t.Context(), f, "mark.json", generation, 7); err != nil {
			t.Fatal(err)
		}
		for i, file := range []string{"layout.json", "base.json", "mark.json"} {
			if b, err := f.Read(t.Context(), file); err != nil || string(b) != want[i] {
				t.Errorf("%s is %q, %v", file, b, err)
			}
		}
		if start, err := ReadBase(t.Context(), f, "base.json", chunk.Partition{Topic: "frames", ID: 1}); start != 5 || err != nil {
			t.Errorf("the base is %d, %v", start, err)
		}
		if start, err := ReadBase(t.Context(), f, "none.json", chunk.Partition{Topic: "frames", ID: 1}); start != chunk.None || err != nil {
			t.Errorf("without a file the base is %d, %v", start, err)
		}
		if _, err := ReadBase(t.Context(), f, "base.json", chunk.Partition{Topic: "frames", ID: 2}); err == nil || !strings.Contains(err.Error(), "it says topic frames partition 1 start 5") {
			t.Errorf("got %v", err)
		}
		if m := ReadMark(t.Context(), f, "mark.json"); m.Chunk != 7 || m.Generation != generation {
			t.Errorf("the mark is %+v", m)
		}
	}
}

func TestALayoutOfAnotherFormatIsRefusedAndAMarkIgnored(t *testing.T) {
	f, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	j := Journal{Layout: "layout.json"}
	for content, plain := range map[string]bool{`{"format":2,"n":8,"block":4096}`: true, `{"format":3,"n":8,"block":4096}`: false} {
		if err := f.WriteAtomic(t.Context(), "layout.json", []byte(content)); err != nil {
			t.Fatal(err)
		}
		if l, err := j.ReadLayout(t.Context(), f); err != nil || l.Plain != plain {
			t.Errorf("%s: %+v, %v", content, l, err)
		}
	}
	for _, bad := range []string{`{"format":4,"n":8,"block":4096}`, `{"format":3,"n":0,"block":4096}`, `{"format":3,"n":8}`, `{`} {
		if err := f.WriteAtomic(t.Context(), "layout.json", []byte(bad)); err != nil {
			t.Fatal(err)
		}
		if l, err := j.ReadLayout(t.Context(), f); err == nil || !strings.Contains(err.Error(), "layout.json") {
			t.Errorf("%s: %+v, %v", bad, l, err)
		}
	}
	for _, bad := range []string{`{"format":3,"chunk":8}`, `{"format":2,"chunk":-1}`, `{`} {
		if err := f.WriteAtomic(t.Context(), "mark.json", []byte(bad)); err != nil {
			t.Fatal(err)
		}
		if m := ReadMark(t.Context(), f, "mark.json"); m != (Mark{}) {
			t.Errorf("%s: %+v", bad, m)
		}
	}
}
