package hdfsfs

import "context"

// Space implements store.Spacer: that of the whole cluster, in bytes of all copies.
func (f *FS) Space(ctx context.Context, name string) (free, all uint64, err error) {
	c, _, err := f.at(name)
	if err != nil {
		return 0, 0, err
	}
	err = c.do(ctx, func(cl *client) error {
		info, err := cl.StatFs()
		free, all = info.Remaining, info.Capacity
		return err
	})
	return free, all, wrap("statfs", name, err)
}
