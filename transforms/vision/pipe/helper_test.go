package pipe

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// helper is the program that the tests ask; the mode is what is wrong with it.
func helper(mode string) {
	mark := func(name string) bool {
		f, err := os.OpenFile(filepath.Join(os.Getenv("PIPE_DIR"), name), os.O_CREATE|os.O_EXCL, 0o600)
		f.Close()
		return err == nil
	}
	switch mode {
	case "child":
		mark(fmt.Sprintf("child-%d", os.Getpid()))
		time.Sleep(time.Minute)
		return
	case "nothing":
		return
	}
	mark(fmt.Sprintf("pid-%d", os.Getpid()))
	switch mode {
	case "quit":
		return
	case "mute":
		time.Sleep(time.Minute)
	case "hello":
		fmt.Println("Hello, I am ready.")
	case "future":
		fmt.Println(`{"ready":2}`)
	}
	fmt.Println(`{"ready":1}`)
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			break
		}
		var q struct {
			Frame                int64
			Format, Camera       string
			Width, Height, Bytes int
		}
		if err := json.Unmarshal(line, &q); err != nil {
			panic(err)
		}
		bad := q.Bytes > 1<<20
		if bad && mode == "early" {
			return
		}
		if bad && mode == "deaf" {
			time.Sleep(time.Minute)
		}
		data := make([]byte, q.Bytes)
		if _, err := io.ReadFull(in, data); err != nil {
			panic(err)
		}
		label := fmt.Sprintf("%s %s %dx%d", q.Format, q.Camera, q.Width, q.Height)
		kind, feature := "length", strconv.Itoa(len(data))
		if bad {
			switch mode {
			case "crash":
				os.Exit(3)
			case "tell": // as most do: say why, close the output, and end
				fmt.Fprint(os.Stderr, "loading\nno such model: yolo.onnx\n\n")
				os.Stdout.Close()
				time.Sleep(20 * time.Millisecond)
				os.Exit(4)
			case "kill":
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			case "hang":
				time.Sleep(time.Minute)
			case "garbage":
				fmt.Println("Segmentation fault (not really)")
				continue
			case "other":
				fmt.Printf("{\"frame\":%d}\n", q.Frame+1)
				continue
			case "infinite":
				fmt.Printf("{\"frame\":%d,\"detections\":[{\"label\":\"a\",\"x\":1e999,\"y\":0,\"width\":5,\"height\":5}]}\n", q.Frame)
				continue
			case "trailing":
				fmt.Printf("{\"frame\":%d} ok\n", q.Frame)
				continue
			case "sorry":
				fmt.Printf("{\"frame\":%d,\"error\":\"no idea\"}\n", q.Frame)
				continue
			case "flood":
				for {
					if _, err := os.Stdout.WriteString(strings.Repeat("x", 1<<16)); err != nil {
						return
					}
				}
			case "children": // one that keeps the pipes open while its parent ends
				child := exec.Command(os.Args[0])
				child.Env = append(os.Environ(), "PIPE_HELPER=child")
				child.Stdout, child.Stderr = os.Stdout, os.Stderr
				if err := child.Start(); err != nil {
					panic(err)
				}
				return
			case "once":
				if mark("failed") {
					return
				}
			}
		}
		switch mode {
		case "chatty":
			for range 10000 {
				fmt.Fprintln(os.Stderr, strings.Repeat("y", 2000))
			}
		case "env":
			kind, feature = "env", strings.Join(os.Environ(), "\n")
		}
		fmt.Printf("{\"frame\":%d,\"detections\":[{\"label\":%q,\"x\":1,\"y\":2,\"width\":3.5,\"height\":4,\"score\":0.25,\"area\":9},"+
			"{\"label\":\"whole\",\"x\":0,\"y\":0,\"width\":%d,\"height\":%d}],\"features\":[{\"kind\":%q,\"data\":%q}]}\n",
			q.Frame, label, q.Width, q.Height, kind, base64.StdEncoding.EncodeToString([]byte(feature)))
	}
	if mode == "tidy" {
		time.Sleep(100 * time.Millisecond)
		mark("tidied")
	}
}
