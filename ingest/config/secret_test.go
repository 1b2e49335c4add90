package config

import (
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWhatComesFromTheEnvironmentIsNeverShown(t *testing.T) {
	env := map[string]string{"PW": "p/a#s?s@w:o rd%41", "TOKEN": "s3cr3t/t0k3n", "CRED": "admin:x@y", "ALL": "rtsp://me:hunter2@cam/live", "DIR": "/films/secret"}
	get := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	for _, c := range []struct{ text, shown, host, user, password string }{
		{"rtsp://viewer:${PW}@cam:554/stream", "rtsp://viewer:xxxxx@cam:554/stream", "cam:554", "viewer", env["PW"]},
		{"rtsp://${CRED}@cam/", "rtsp://${CRED}@cam/", "cam", "admin", "x@y"},
		{"rtsp://cam/user=admin_password=${TOKEN}", "rtsp://cam/user=admin_password=${TOKEN}", "cam", "", ""},
		{"https://cam/${TOKEN}/live?x=${TOKEN}#y", "https://cam/${TOKEN}/live", "cam", "", ""},
		{"https://me@cam/?pw=${TOKEN}", "https://me@cam/", "cam", "me", ""},
		{"${ALL}", "${ALL}", "cam", "me", "hunter2"},
		{"rtsp://a:x${PW}y@cam/@b", "rtsp://a:xxxxx@cam/@b", "cam", "a", "x" + env["PW"] + "y"},
		{"rtsp://me:hunter2@cam/live?pw=1", "rtsp://me:xxxxx@cam/live", "cam", "me", "hunter2"},
	} {
		s, err := ParseSource(c.text, "/", get)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		u, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		password, _ := u.User.Password()
		if s.Text != c.shown || u.Host != c.host || u.User.Username() != c.user || password != c.password {
			t.Errorf("%s is shown as %s, host %s, user %q, password %q", c.text, s.Text, u.Host, u.User.Username(), password)
		}
		for _, said := range []string{s.URL, "Failed to open '" + s.URL + "'", env["PW"], url.PathEscape(env["TOKEN"]), s.Text} {
			for _, secret := range []string{env["PW"], env["TOKEN"], "hunter2", encode(env["PW"])} {
				if got := s.Redact(said); strings.Contains(s.URL, secret) && strings.Contains(got, secret) {
					t.Errorf("%s: %q becomes %q", c.text, said, got)
				}
			}
		}
	}
	for _, text := range []string{"${DIR}/x.avi", "scene:${DIR}", "${DIR}://x/", "/dev/video${DIR}"} {
		s, err := ParseSource(text, "/", get)
		if err == nil {
			err = s.resolve()
		}
		if err == nil || strings.Contains(s.Redact(err.Error()), "secret") || strings.Contains(s.Text, "secret") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAnyPasswordComesThroughAURL(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.StringMatching(`[ -~]{1,20}`).Draw(t, "password")
		s, err := ParseSource("rtsp://me:${PW}@cam/", "", func(string) (string, bool) { return want, true })
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := u.User.Password(); got != want || u.Host != "cam" {
			t.Fatalf("%q, host %s", got, u.Host)
		}
	})
}

func TestASecretIsHiddenInJSONToo(t *testing.T) {
	const secret = "a\"b\\c<d>\u2028e\x01f"
	s := Source{Secrets: []Secret{{Ref: "${PASSWORD}", Value: secret}}}
	var b strings.Builder
	slog.New(slog.NewJSONHandler(&b, nil)).Info("cannot be opened with "+secret, "source", secret)
	if got := s.Redact(b.String()); strings.Count(got, "${PASSWORD}") != 2 {
		t.Error(got)
	}
}
