package board

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/graph"
)

// row is a node in the table.
type row struct {
	Node      string  `parquet:"node" json:"node"`                 // topic/partition@offset of a shot, topic/partition#track of a track
	Kind      string  `parquet:"kind,dict" json:"kind"`            // shot or track
	Component string  `parquet:"component" json:"component"`       // its first node
	Rank      float64 `parquet:"rank" json:"rank"`                 // of all nodes together 1
	Camera    string  `parquet:"camera,dict" json:"camera"`        //
	Topic     string  `parquet:"topic,dict" json:"topic"`          //
	Partition int32   `parquet:"partition" json:"partition"`       //
	Offset    int64   `parquet:"frame_offset" json:"frame_offset"` // of its picture, as the columns below
	Captured  int64   `parquet:"captured,timestamp(microsecond)" json:"-"`
	Begins    int64   `parquet:"begins,timestamp(microsecond)" json:"-"`
	Ends      int64   `parquet:"ends,timestamp(microsecond)" json:"-"`
	Label     string  `parquet:"label,dict" json:"label"` // of a track
	Track     int64   `parquet:"track" json:"track"`      // 0: a shot
}

// formats are those that a table can have, by the file's ending.
var formats = map[string]func(io.Writer, []row) error{".parquet": writeParquet, ".csv": writeCSV, ".jsonl": writeJSONL}

func checkTable(file string) error {
	if formats[filepath.Ext(file)] == nil {
		return fmt.Errorf("--table=%s: ends neither in .parquet nor .csv nor .jsonl", file)
	}
	return nil
}

// writeTable writes all nodes, by camera and time.
func writeTable(file string, all []ranked, total int64) error {
	name := map[int64]string{}
	for i := range all {
		if all[i].component == all[i].ID {
			name[all[i].ID] = all[i].Name()
		}
	}
	rows := make([]row, len(all))
	for i := range all {
		n := &all[i]
		rows[i] = row{
			Node: n.Name(), Kind: n.Kind.String(), Component: name[n.component], Rank: float64(n.rank) / graph.One / float64(total),
			Camera: n.Camera, Topic: n.Topic, Partition: n.Partition, Offset: n.Frame.Offset,
			Captured: n.Frame.Captured, Begins: n.From, Ends: n.To, Label: n.Label, Track: n.Track,
		}
	}
	return writeFile(file, func(w io.Writer) error { return formats[filepath.Ext(file)](w, rows) })
}

// writeFile writes a local file, whole or not at all, and makes its folder.
func writeFile(file string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return store.WriteLocal(file, write)
}

func writeParquet(w io.Writer, rows []row) error {
	p := parquet.NewGenericWriter[row](w, parquet.CreatedBy("framebeam", "1", ""), parquet.Compression(&parquet.Snappy))
	if _, err := p.Write(rows); err != nil {
		return err
	}
	return p.Close()
}

func writeCSV(w io.Writer, rows []row) error {
	c := csv.NewWriter(w)
	if err := c.Write([]string{
		"node", "kind", "component", "rank", "camera", "topic", "partition", "frame_offset", "captured", "begins", "ends", "label", "track",
	}); err != nil {
		return err
	}
	for _, r := range rows {
		if err := c.Write([]string{
			r.Node, r.Kind, r.Component, strconv.FormatFloat(r.Rank, 'g', 9, 64), r.Camera, r.Topic, strconv.Itoa(int(r.Partition)),
			strconv.FormatInt(r.Offset, 10), moment(r.Captured), moment(r.Begins), moment(r.Ends), r.Label, strconv.FormatInt(r.Track, 10),
		}); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

func writeJSONL(w io.Writer, rows []row) error {
	e := json.NewEncoder(w)
	for _, r := range rows {
		if err := e.Encode(struct {
			row
			Captured string `json:"captured"`
			Begins   string `json:"begins"`
			Ends     string `json:"ends"`
		}{r, moment(r.Captured), moment(r.Begins), moment(r.Ends)}); err != nil {
			return err
		}
	}
	return nil
}

func moment(us int64) string { return time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05.000000Z") }
