package servers

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestATakenPortIsNamedWithItsUseAndItsHolder(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::]:0"} {
		t.Run(address, func(t *testing.T) {
			l, err := net.Listen("tcp", address)
			if err != nil {
				t.Skipf("this machine cannot listen on %s: %v", address, err)
			}
			defer l.Close()
			taken := l.Addr().(*net.TCPAddr).Port
			err = takenPorts([]*server{{name: "kafka-1", ports: []port{{taken, "clients"}}}})
			comm, readErr := os.ReadFile("/proc/self/comm")
			if readErr != nil {
				t.Fatal(readErr)
			}
			want := fmt.Sprintf("port %d (kafka-1, clients) is taken by %s (pid %d)", taken, strings.TrimSpace(string(comm)), os.Getpid())
			if err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func TestAllTakenPortsAreListedAndFreeOnesAreNot(t *testing.T) {
	base, err := FreePorts()
	if err != nil {
		t.Fatal(err)
	}
	sv := &server{name: "x", ports: []port{{base, "one"}, {base + 1, "two"}, {base + 2, "three"}}}
	if err := takenPorts([]*server{sv}); err != nil {
		t.Fatal(err)
	}
	for _, p := range []int{base, base + 2} {
		l, err := net.Listen("tcp", local(p))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	got := takenPorts([]*server{sv}).Error()
	if !strings.Contains(got, "one") || strings.Contains(got, "two") || !strings.Contains(got, "three") {
		t.Errorf("got %s", got)
	}
}

func TestFreePortsGivesABlockOnce(t *testing.T) {
	seen := map[int]bool{}
	for range 20 {
		base, err := FreePorts()
		if err != nil {
			t.Fatal(err)
		}
		if seen[base] {
			t.Fatalf("%d twice", base)
		}
		seen[base] = true
		if _, err := tryLock(filepath.Join(os.TempDir(), "framebeam-ports", fmt.Sprint(base))); err == nil {
			t.Fatalf("%d is not locked", base)
		}
	}
}

func TestEveryPortIsGivenOnceAndInsideTheBlock(t *testing.T) {
	for _, base := range []int{0, 20000} {
		c, err := Config{Dir: t.TempDir(), Brokers: maxBrokers, DataNodes: maxDataNodes, BasePort: base}.complete()
		if err != nil {
			t.Fatal(err)
		}
		user := map[int]string{}
		for _, sv := range newStack(c).servers {
			for _, p := range sv.ports {
				if user[p.number] != "" {
					t.Errorf("port %d: %s and %s", p.number, user[p.number], sv.name)
				}
				user[p.number] = sv.name
				if base > 0 && (p.number < base || p.number >= base+PortsForTests) {
					t.Errorf("port %d of %s is outside %d to %d", p.number, sv.name, base, base+PortsForTests-1)
				}
			}
		}
	}
}

func TestWhichAddressesAreInTheWay(t *testing.T) {
	for address, want := range map[string]bool{
		"00000000":                         true,  // 0.0.0.0
		"0100007F":                         true,  // 127.0.0.1
		"0200007F":                         false, // 127.0.0.2
		"0101A8C0":                         false, // 192.168.1.1
		"00000000000000000000000000000000": true,  // ::
		"0000000000000000FFFF00000100007F": true,  // ::ffff:127.0.0.1
		"00000000000000000000000001000000": false, // ::1
	} {
		if got := inTheWay(address); got != want {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
	}
}
