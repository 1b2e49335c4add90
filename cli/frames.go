package cli

import (
	"errors"
	"strings"

	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/history/clip"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	_ "github.com/framebeam/framebeam/transforms/log/kafka"
)

// frameFlags name where the frames of clips and pictures are, and their results.
type frameFlags struct {
	f                      *pflag.FlagSet
	output, archive, topic *string
	kafka                  *connect.Flags
}

func newFrameFlags(f *pflag.FlagSet) *frameFlags {
	return &frameFlags{f: f, output: flags.Output(f), archive: flags.Archive(f), topic: flags.Topic(f), kafka: flags.Kafka(f)}
}

// where is what the flags name. The error lists every violation.
func (f *frameFlags) where() (clip.Where, error) {
	w := clip.Where{Output: strings.TrimSpace(*f.output), Topic: *f.topic}
	if w.Output != "" && !f.f.Changed("topic") {
		w.Topic = ""
	}
	var errs []error
	if w.Topic != "" {
		errs = append(errs, frame.CheckTopic(w.Topic))
	}
	var err error
	w.Log, err = framesLog(f.f, *f.archive, f.kafka, f.kafka.Check)
	errs = append(errs, err)
	return w, errors.Join(errs...)
}

// framesLog is where frames are read from: the archive if there is one, or else Kafka, whose
// brokers check returns.
func framesLog(f *pflag.FlagSet, root string, kafka *connect.Flags, check func() ([]string, error)) (l log.Spec, err error) {
	switch {
	case root != "" && f.Changed("brokers"):
		return log.Spec{}, errors.New("--archive and --brokers are both given: frames come from one of them")
	case root != "":
		return log.Spec{Kind: archive.Kind, Root: root}, nil
	}
	l = log.Spec{Kind: "kafka", Connection: kafka.Connection}
	l.Brokers, err = check()
	return l, err
}

// oneCamera is the camera that a command is about.
func oneCamera(camera string) error {
	if camera == "" {
		return errors.New("--camera is missing")
	}
	return scan.CheckCameraIDs([]string{camera})
}
