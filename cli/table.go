package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/history/export"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

func newTable() *cobra.Command {
	c := &cobra.Command{
		Use:   "table",
		Short: "Keep an output as tables for Spark, Trino and DuckDB",
		Args:  cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return program.Wrong(fmt.Errorf("update or files? (see %s --help)", c.CommandPath()))
		},
	}
	c.AddCommand(newTableUpdate(), newTableFiles())
	return c
}

func newTableUpdate() *cobra.Command {
	c := &cobra.Command{
		Use:   "update",
		Short: "Bring the tables of an output up to date",
		Long: `Bring tables of an output up to date: frames and events, in large files by camera and day, in the
format Apache Iceberg, of which Spark, Trino, DuckDB and others read each row once.

It appends what the output has had since the last time, makes large files of small ones, and
removes what nobody reads any more. It may run while jobs write and others read, be killed,
or run twice at once. Run it by hand or by cron.`,
		Example: "  " + program.This + " --output found --tables tables\n" +
			"  " + program.This + " --output found --tables tables --again-after 10m --keep-days 90",
	}
	f := c.Flags()
	output := flags.Output(f)
	to := tablesFolder(c)
	var u export.Update
	f.DurationVar(&u.Again, "again-after", 0, "do it again and again, this `long` after the last time, until interrupted; 0: once")
	f.DurationVar(&u.Expire, "expire", 24*time.Hour, "how `long` what was replaced stays, for queries that have begun to read it")
	f.IntVar(&u.KeepDays, "keep-days", 0, "drop days that ended more than this `number` of days ago from the tables; 0: none")
	f.Int64Var(&u.FileBytes, "file-bytes", 128<<20, "about how large files become, in `bytes`")
	c.RunE = func(c *cobra.Command, args []string) error {
		u.Output, u.To = *output, *to
		if err := errors.Join(program.NoArguments(args), u.Check()); err != nil {
			return program.Wrong(err)
		}
		u.Program = program.Version("framebeam", pixels.Version())
		ctx, stop := program.Interruptible(c.Context())
		defer stop()
		return u.Run(ctx, c.OutOrStdout())
	}
	return c
}

// tablesFolder adds --tables.
func tablesFolder(c *cobra.Command) *string {
	return c.Flags().String("tables", "", "the `folder` of the tables, outside of the output: a path or scheme://…")
}

func newTableFiles() *cobra.Command {
	c := &cobra.Command{
		Use:   "files",
		Short: "List the files of a table as it is now",
		Long: `List the Parquet files of a table as it is now, for programs that read files and not Iceberg.
Together they have each row of the cameras and days asked for once, whatever is written
meanwhile, and stay until what was replaced expires.`,
		Example: "  " + program.This + " --tables tables --rows events --camera gate\n" +
			"  " + program.This + " --tables tables --sql > tables.sql && duckdb -init tables.sql -c \"select count(*) from frames\"",
	}
	f := c.Flags()
	to := tablesFolder(c)
	cameras := flags.Cameras(f)
	var q export.Files
	f.StringVar(&q.Table, "rows", "", "`what` the rows of the table are: frames or events; without --sql it is needed")
	f.StringVar(&q.Days, "days", "", "only this `day` of capture in UTC, 2024-05-01, or those from one to another, 2024-05-01..2024-05-07")
	f.BoolVar(&q.SQL, "sql", false, "print views of them for DuckDB")
	flags.Choices(c, "rows", export.Names()...)
	c.RunE = func(c *cobra.Command, args []string) error {
		q.To, q.Cameras = *to, flags.List(*cameras)
		if err := errors.Join(program.NoArguments(args), q.Check()); err != nil {
			return program.Wrong(err)
		}
		return q.Write(c.Context(), c.OutOrStdout())
	}
	return c
}
