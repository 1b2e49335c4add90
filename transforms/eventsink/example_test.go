package eventsink_test

import (
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/framebeam/framebeam/transforms/eventsink"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

// A consumer of the events topic gives each record to Parse. Events are published at least
// once: one that comes again has the same id.
func ExampleParse() {
	crossed := eventsink.Event{
		Event: result.Event{
			ID: "7d3f", Analysis: "lines/gate", Type: "LineDetector/Crossed", Rule: "gate", Transition: "forward", Label: "person",
		},
		Camera: "north", Topic: "frames", Partition: 3, Offset: 17, Captured: time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC),
	}
	record, err := crossed.Record()
	if err != nil {
		log.Fatal(err)
	}
	other := frame.Record{Value: []byte("of somebody else")}

	seen := map[string]bool{}
	for _, rec := range []frame.Record{record, other, record} {
		e, err := eventsink.Parse(&rec)
		switch {
		case errors.Is(err, eventsink.ErrNotEvent):
			fmt.Println("passed over")
		case err != nil:
			log.Fatal(err)
		case seen[e.ID]:
			fmt.Println("known already:", e.ID)
		default:
			seen[e.ID] = true
			fmt.Println(e.Camera, e.Captured.Format(time.TimeOnly), e.Type, e.Rule, e.Transition, "by a", e.Label)
		}
	}
	// Output:
	// north 08:00:00 LineDetector/Crossed gate forward by a person
	// passed over
	// known already: 7d3f
}
