package flags

import (
	"errors"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/history/period"
)

// Save adds --save.
func Save(f *pflag.FlagSet) *string {
	return f.String("save", "", "the `file` to write: a path or scheme://…; of many clips, and of images, a folder")
}

// SaveOrTo is --save of a command that has no period; it takes --to for it, too, which no
// help shows.
func SaveOrTo(f *pflag.FlagSet) *string {
	save := Save(f)
	Formerly(f, "save", "to")
	return save
}

// NeedSave refuses to write nowhere.
func NeedSave(save string) error {
	if strings.TrimSpace(save) == "" {
		return errors.New("--save is missing: the file to write")
	}
	return nil
}

// ToFile takes what --to names out of the period if it is no moment: the file, of a command
// in which --to has been, or reads like, one.
func (p *PeriodFlags) ToFile(now time.Time) (file string) {
	if p.to == "" {
		return ""
	}
	if _, err := period.Moment(p.to, time.UTC, now); err == nil {
		return ""
	}
	file, p.to = p.to, ""
	return file
}
