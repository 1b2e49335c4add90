package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/segmentio/kafka-go"
)

// kafkaCluster is the cluster id, 16 bytes in base64: any will do.
const kafkaCluster = "RnJhbWViZWFtU3RhY2sxMQ"

// Brokers returns the addresses of all brokers.
func (s *Stack) Brokers() []string {
	addresses := make([]string, s.config.Brokers)
	for i := range addresses {
		addresses[i] = local(s.ports.kafka[i])
	}
	return addresses
}

func kafkaName(i int) string { return fmt.Sprintf("kafka-%d", i+1) }

func (s *Stack) kafkaServers() []*server {
	var servers []*server
	for i := range s.config.Brokers {
		name := kafkaName(i)
		java := func(more ...string) [][]string {
			return [][]string{
				{"-Dlog4j2.configurationFile=" + s.path(name, "log4j2.properties")},
				classpath(s.artifacts.jars(kafkaJars)), more,
			}
		}
		servers = append(servers, &server{
			name:  name,
			ports: []port{{s.ports.kafka[i], "clients"}, {s.ports.controller[i], "controllers"}},
			prepare: func(ctx context.Context) error {
				err := writeFiles(s.path(name), map[string]string{
					"server.properties": s.kafkaProperties(i),
					"log4j2.properties": preset("stack/log4j2.properties"),
				})
				if err != nil {
					return err
				}
				return s.once(name, func(data string) error {
					_, err := runJava(ctx, append([][]string{{quickStart}}, java("kafka.tools.StorageTool", "format",
						"-t", kafkaCluster, "-c", s.path(name, "server.properties"))...)...)
					return err
				})
			},
			command: func() (string, []string, []string, error) {
				return javaCommand(append([][]string{jvm("512m")}, java("kafka.Kafka", s.path(name, "server.properties"))...)...)
			},
			ready: func(ctx context.Context) error { return s.kafkaReady(ctx, i) },
		})
	}
	return servers
}

// kafkaProperties is server.properties of broker i, from 0.
func (s *Stack) kafkaProperties(i int) string {
	var voters []string
	for n := range s.config.Brokers {
		voters = append(voters, fmt.Sprintf("%d@%s", n+1, local(s.ports.controller[n])))
	}
	copies := strconv.Itoa(s.config.Brokers)
	inSync := strconv.Itoa(max(1, s.config.Brokers-1))
	own := map[string]string{
		"node.id":                                          strconv.Itoa(i + 1),
		"controller.quorum.voters":                         strings.Join(voters, ","),
		"listeners":                                        "PLAINTEXT://" + local(s.ports.kafka[i]) + ",CONTROLLER://" + local(s.ports.controller[i]),
		"advertised.listeners":                             "PLAINTEXT://" + local(s.ports.kafka[i]),
		"listener.security.protocol.map":                   "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"log.dirs":                                         s.path(kafkaName(i), "data"),
		"default.replication.factor":                       copies,
		"min.insync.replicas":                              inSync,
		"offsets.topic.replication.factor":                 copies,
		"transaction.state.log.replication.factor":         copies,
		"transaction.state.log.min.isr":                    inSync,
		"share.coordinator.state.topic.replication.factor": copies,
		"share.coordinator.state.topic.min.isr":            inSync,
		// A killed broker is replaced after three seconds instead of nine.
		"broker.session.timeout.ms":    "3000",
		"broker.heartbeat.interval.ms": "500",
		// Small numbers make a small, quick broker.
		"offsets.topic.num.partitions":         "4",
		"transaction.state.log.num.partitions": "4",
		"group.initial.rebalance.delay.ms":     "0",
	}
	more := merged(s.config.KafkaProperties)
	for _, key := range []string{"listeners", "advertised.listeners", "listener.security.protocol.map"} {
		if more[key] != "" {
			more[key] = own[key] + "," + more[key]
		}
	}
	return override(preset("kafka/server.properties"), properties, merged(own, more))
}

// kafkaReady asks broker i for its metadata: it must know all brokers that run.
func (s *Stack) kafkaReady(ctx context.Context, i int) error {
	conn, err := kafka.DialContext(ctx, "tcp", local(s.ports.kafka[i]))
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	brokers, err := conn.Brokers()
	if err != nil {
		return err
	}
	known := map[int]bool{}
	for _, b := range brokers {
		known[b.ID] = true
	}
	var errs []error
	for n := range s.config.Brokers {
		if s.Pid(kafkaName(n)) != 0 && !known[n+1] {
			errs = append(errs, fmt.Errorf("%s is not known to %s", kafkaName(n), kafkaName(i)))
		}
	}
	return errors.Join(errs...)
}

// local is a port on 127.0.0.1.
func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// writeFiles writes the configuration of a server.
func writeFiles(dir string, files map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range files {
		if err := replaceFile(dir+"/"+name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// once formats the folder "data" of a server that was not formatted before. What an
// interrupted attempt left is deleted.
func (s *Stack) once(name string, format func(data string) error) error {
	done := s.path(name, "formatted")
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	data := s.path(name, "data")
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	if err := format(data); err != nil {
		return fmt.Errorf("formatting %s: %w", data, err)
	}
	return os.WriteFile(done, nil, 0o644)
}
