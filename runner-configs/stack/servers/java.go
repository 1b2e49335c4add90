package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// javaVersion is the one that all four run on: Kafka and Hadoop need it, and Spark knows
// no later one.
const javaVersion = "17"

// javaHome finds a Java of that version: where JAVA_HOME says, where Debian puts it, or
// the java in the path.
func javaHome() (string, error) {
	candidates := []string{os.Getenv("JAVA_HOME")}
	debian, _ := filepath.Glob("/usr/lib/jvm/java-" + javaVersion + "-*")
	candidates = append(candidates, debian...)
	if java, err := exec.LookPath("java"); err == nil {
		if java, err = filepath.EvalSymlinks(java); err == nil {
			candidates = append(candidates, filepath.Dir(filepath.Dir(java)))
		}
	}
	for _, home := range candidates {
		if home == "" {
			continue
		}
		release, err := os.ReadFile(filepath.Join(home, "release"))
		if err == nil && bytes.Contains(release, []byte(`JAVA_VERSION="`+javaVersion+`.`)) {
			return home, nil
		}
	}
	return "", fmt.Errorf("no Java %s (looked at JAVA_HOME, /usr/lib/jvm and the path): scripts/deps.sh engines installs it", javaVersion)
}

// opened are the packages that Flink, Spark and Beam look into by reflection.
var opened = []string{
	"java.base/java.io", "java.base/java.lang", "java.base/java.lang.invoke",
	"java.base/java.lang.reflect", "java.base/java.net", "java.base/java.nio",
	"java.base/java.text", "java.base/java.time", "java.base/java.util",
	"java.base/java.util.concurrent", "java.base/java.util.concurrent.atomic",
	"java.base/sun.nio.ch", "java.base/sun.nio.cs", "java.base/sun.security.action",
	"java.base/sun.util.calendar",
}

func addOpens() []string {
	args := make([]string, len(opened))
	for i, p := range opened {
		args[i] = "--add-opens=" + p + "=ALL-UNNAMED"
	}
	return args
}

// quickStart is for servers that do little: compiling less they start in half the time.
const quickStart = "-XX:TieredStopAtLevel=1"

// jvm returns the arguments that every server gets. The serial collector has no threads
// of its own: many JVMs share few cores.
func jvm(heap string, more ...string) []string {
	return append([]string{
		"-Xms64m", "-Xmx" + heap, "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError",
		"-Djava.awt.headless=true", "-Djava.net.preferIPv4Stack=true",
	}, more...)
}

func javaCommand(args ...[]string) (string, []string, []string, error) {
	home, err := javaHome()
	if err != nil {
		return "", nil, nil, err
	}
	var all []string
	for _, a := range args {
		all = append(all, a...)
	}
	return filepath.Join(home, "bin", "java"), all, []string{"JAVA_HOME=" + home}, nil
}

// runJava runs a Java program to its end and returns its standard output; what it wrote
// to standard error is in the error.
func runJava(ctx context.Context, args ...[]string) ([]byte, error) {
	path, flat, _, err := javaCommand(args...)
	if err != nil {
		return nil, err
	}
	return run(exec.CommandContext(ctx, path, flat...))
}

func run(cmd *exec.Cmd) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		said := strings.TrimSpace(stderr.String())
		if said == "" {
			said = strings.TrimSpace(stdout.String())
		}
		return stdout.Bytes(), errors.Join(err, errors.New(said))
	}
	return stdout.Bytes(), nil
}

// classpath joins folders and patterns.
func classpath(elem ...string) []string {
	return []string{"-cp", strings.Join(elem, ":")}
}
