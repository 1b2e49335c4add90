package result

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// seen are the columns that say which cameras a file has, and when.
type seen struct {
	Timestamp int64  `parquet:"timestamp,timestamp(millisecond)"`
	Camera    string `parquet:"camera,optional,dict"`
}

// ReadCameras returns the cameras of a results file with the newest timestamp of each, in
// milliseconds since 1970 UTC; "" are the rows that belong to none. Other columns are not
// read.
func ReadCameras(r io.ReaderAt, size int64) (newest map[string]int64, err error) {
	defer recoverCorrupt(&err)
	f, _, _, err := openParquet(r, size)
	if err != nil {
		return nil, err
	}
	pr := parquet.NewGenericReader[seen](f)
	defer pr.Close()
	newest = map[string]int64{}
	buf := make([]seen, 256)
	for {
		clear(buf)
		n, err := pr.Read(buf)
		for _, row := range buf[:n] {
			if had, ok := newest[row.Camera]; !ok || row.Timestamp > had {
				newest[row.Camera] = row.Timestamp
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return newest, nil
		case err != nil:
			return nil, fmt.Errorf("read results from parquet: %w", err)
		case n == 0:
			return nil, fmt.Errorf("read results from parquet: %w", io.ErrUnexpectedEOF)
		}
	}
}
