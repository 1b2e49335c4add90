package perframe_test

import (
	"fmt"
	"log"

	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/perframe"
	"github.com/framebeam/framebeam/transforms/result"
)

// Analyses of a frame on its own are used without Beam: records of the log in, results
// out. What cannot be read is a result too, with the reason.
func Example() {
	analyzer, err := perframe.NewAnalyzer(perframe.Config{Profiles: []perframe.Profile{{
		Analyses: []params.Spec{
			{Kind: "quality", Name: "quality"},
			{Kind: "histogram", Name: "histogram", Params: []byte(`{"hue": 6}`)},
		},
	}}})
	if err != nil {
		log.Fatal(err)
	}
	defer analyzer.Close()

	records := film.Records(film.Config{Cameras: 1, Frames: 2, Seed: 1})
	records[1].Value = records[1].Value[:100]
	for i := range records {
		it, err := analyzer.Analyze(chunk.Partition{Topic: "frames"}, &records[i])
		if err != nil {
			log.Fatal(err) // a fault of the program, never of a frame
		}
		res := it.Result
		if res.Status == result.Dead {
			fmt.Println(res.Camera, res.Status, res.Reason)
			continue
		}
		fmt.Printf("%s %s brightness %.0f of 255, %d features\n", res.Camera, res.Status, res.Quality.Brightness, len(res.Features))
	}
	// Output:
	// cam-00 ok brightness 122 of 255, 1 features
	// cam-00 dead truncated
}
