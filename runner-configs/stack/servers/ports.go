package servers

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

const (
	maxBrokers   = 3
	maxDataNodes = 3

	// PortBlock is how many ports from [Config].BasePort on belong to a stack. It uses
	// those below PortsForTests; the others are left to whoever made it.
	PortBlock = 48
	// PortsForTests is the first port of a block, counted from BasePort, that no server
	// uses by itself: a further listener of a broker, for example.
	PortsForTests = 32
)

// port is one port of a server on 127.0.0.1.
type port struct {
	number int
	use    string
}

// ports of the whole stack. What is not here is ephemeral.
type ports struct {
	kafka, controller [maxBrokers]int

	namenode, namenodeHTTP         int
	dataTransfer, dataIPC, dataWeb [maxDataNodes]int

	flinkREST, flinkRPC, flinkBlob, flinkJobServer int

	sparkMaster, sparkWeb, sparkJobServer int
}

func (c Config) ports() ports {
	next := c.BasePort
	// give is the well-known port, or the next of the block: the order below is the
	// block's layout.
	give := func(wellKnown int) int {
		if c.BasePort == 0 {
			return wellKnown
		}
		next++
		return next - 1
	}
	var p ports
	for i := range p.kafka {
		p.kafka[i] = give(9092 + i)
		p.controller[i] = give(19092 + i)
	}
	p.namenode = give(8020)
	p.namenodeHTTP = give(9870)
	for i := range p.dataTransfer {
		p.dataWeb[i] = give(9864 + 10*i)
		p.dataTransfer[i] = give(9866 + 10*i)
		p.dataIPC[i] = give(9867 + 10*i)
	}
	p.flinkREST = give(8081)
	p.flinkRPC = give(6123)
	p.flinkBlob = give(6124)
	p.flinkJobServer = give(8099)
	p.sparkMaster = give(7077)
	p.sparkWeb = give(8080)
	p.sparkJobServer = give(8098)
	return p
}

// Where test stacks have their blocks: below the ephemeral ports of Linux (32768 and
// up), so that no outgoing connection takes one between the look and the start.
const (
	firstBlock = 12000
	lastBlock  = 32000
)

// blockLocks keeps the files open whose locks must last until the process ends.
var blockLocks struct {
	sync.Mutex
	held []*os.File
}

// FreePorts finds a [Config].BasePort whose whole block is free, and keeps it from
// other processes that ask, until this process ends.
func FreePorts() (int, error) {
	dir := filepath.Join(os.TempDir(), "framebeam-ports")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return 0, err
	}
	const blocks = (lastBlock - firstBlock) / PortBlock
	first := rand.IntN(blocks) //nolint:gosec // so that two stacks seldom try the same; nothing is secret
	var lockErr error
	for i := range blocks {
		base := firstBlock + PortBlock*((first+i)%blocks)
		lock, err := tryLock(filepath.Join(dir, strconv.Itoa(base)))
		if err != nil {
			lockErr = err
			continue
		}
		var wanted []port
		for n := range PortBlock {
			wanted = append(wanted, port{number: base + n})
		}
		if holders, err := listeners(wanted); err != nil || len(holders) > 0 {
			lockErr = errors.Join(err, lock.Close())
			continue
		}
		blockLocks.Lock()
		defer blockLocks.Unlock()
		blockLocks.held = append(blockLocks.held, lock)
		return base, nil
	}
	return 0, fmt.Errorf("no %d free ports in a row from %d to %d: %w", PortBlock, firstBlock, lastBlock, lockErr)
}

// tryLock locks a file; the lock ends when the file is closed.
func tryLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return f, nil
}

// takenPorts says which of the ports that the servers need are taken, for what they
// are needed, and who has them.
func takenPorts(todo []*server) error {
	var wanted []port
	for _, s := range todo {
		for _, p := range s.ports {
			wanted = append(wanted, port{p.number, s.name + ", " + p.use})
		}
	}
	inodes, err := listeners(wanted)
	if err != nil {
		return err
	}
	if len(inodes) == 0 {
		return nil
	}
	owners := socketOwners()
	var errs []error
	for _, p := range wanted {
		inode, taken := inodes[p.number]
		if !taken {
			continue
		}
		owner := owners[inode]
		if owner == "" {
			owner = "a process that cannot be looked into: another user's, or one that is ending"
		}
		errs = append(errs, fmt.Errorf("port %d (%s) is taken by %s", p.number, p.use, owner))
	}
	return errors.Join(errs...)
}

// listeners returns the socket inodes of those ports that something listens on, where
// it would be in the way of a server on 127.0.0.1.
func listeners(wanted []port) (map[int]string, error) {
	want := map[int]bool{}
	for _, p := range wanted {
		want[p.number] = true
	}
	found := map[int]string{}
	for _, path := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // no IPv6
		}
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			// sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode …
			field := strings.Fields(lines.Text())
			const listen = "0A"
			if len(field) < 10 || field[3] != listen {
				continue
			}
			address, hex, _ := strings.Cut(field[1], ":")
			number, err := strconv.ParseUint(hex, 16, 16)
			if err == nil && want[int(number)] && inTheWay(address) {
				found[int(number)] = field[9]
			}
		}
		err = errors.Join(lines.Err(), f.Close())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return found, nil
}

// inTheWay says whether an address in the kernel's hexadecimal is 127.0.0.1 or all
// addresses, in IPv4 or IPv6.
func inTheWay(address string) bool {
	const loopback = "0100007F"
	if strings.Trim(address, "0") == "" {
		return true
	}
	return strings.HasSuffix(address, loopback) && (len(address) == 8 || strings.HasPrefix(address, "0000000000000000FFFF0000"))
}

// listensOnAny says whether a process listens on one of the ports.
func listensOnAny(pid int, candidates []int) (bool, error) {
	var wanted []port
	for _, n := range candidates {
		wanted = append(wanted, port{number: n})
	}
	inodes, err := listeners(wanted)
	if err != nil {
		return false, err
	}
	for _, inode := range sockets(pid) {
		for _, listening := range inodes {
			if inode == listening {
				return true, nil
			}
		}
	}
	return false, nil
}

// sockets returns the inodes of a process's sockets, as far as this user may look.
func sockets(pid int) []string {
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	var inodes []string
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil {
			continue // closed meanwhile
		}
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			inodes = append(inodes, strings.TrimSuffix(inode, "]"))
		}
	}
	return inodes
}

// socketOwners returns "name (pid 1)" by socket inode, for the processes that this user
// may look into.
func socketOwners() map[string]string {
	owners := map[string]string{}
	for _, pid := range pids() {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil {
			continue // it ended
		}
		for _, inode := range sockets(pid) {
			owners[inode] = fmt.Sprintf("%s (pid %d)", strings.TrimSpace(string(name)), pid)
		}
	}
	return owners
}
