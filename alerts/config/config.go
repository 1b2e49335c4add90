// Package config reads alerts.yaml: which events are told, and to whom.
package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/framebeam/framebeam/alerts/email"
	"github.com/framebeam/framebeam/alerts/message"
	"github.com/framebeam/framebeam/alerts/mqtt"
	"github.com/framebeam/framebeam/alerts/rule"
	"github.com/framebeam/framebeam/alerts/secret"
	"github.com/framebeam/framebeam/alerts/target"
	"github.com/framebeam/framebeam/alerts/webhook"
	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/strictyaml"
	"github.com/framebeam/framebeam/transforms/config/schedule"
	"github.com/framebeam/framebeam/transforms/config/timezone"
)

// Config is a file that is right.
type Config struct {
	Rules   []Rule
	Targets []Target // in the order of the file
	Zone    *time.Location
	// PictureWait is how long is waited for what was found in a picture.
	PictureWait time.Duration
}

// Rule is a rule and its texts.
type Rule struct {
	rule.Rule
	Text, Summary *message.Template
}

// Target is one of those who are told.
type Target struct {
	Name  string
	Kind  string // webhook, mqtt or email
	Where string // for people: its address without anything secret
	target.Target
}

// Defaults and bounds.
const (
	DefaultPictureWait = 5 * time.Second
	maxPictureWait     = time.Minute
	maxTime            = 31 * 24 * time.Hour // of quiet and of limits
	maxTargets         = 100
	maxRules           = 1000
)

// Load reads a file. Paths in it are taken from its folder. The error lists everything that is
// wrong, each with its line.
func Load(file string) (*Config, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	return Parse(file, data)
}

// Parse reads the content of a file.
func Parse(file string, data []byte) (*Config, error) {
	p := parser{folder: filepath.Dir(file), zone: time.UTC}
	cfg := &Config{PictureWait: DefaultPictureWait}
	root := p.bad.Parse(data)
	if strictyaml.IsNull(root) {
		p.bad.Add(1, "there are no rules and no targets")
	} else {
		p.document(cfg, root)
	}
	if err := p.bad.Err(file); err != nil {
		return nil, errors.Join(err, cfg.Close())
	}
	return cfg, nil
}

// Close closes the targets.
func (c *Config) Close() error {
	var errs []error
	for _, t := range c.Targets {
		if t.Target != nil {
			errs = append(errs, t.Close())
		}
	}
	return errors.Join(errs...)
}

type parser struct {
	folder    string
	bad       strictyaml.Violations
	zone      *time.Location
	schedules map[string]schedule.Schedule
}

// name is what rules, targets and schedules are called.
var name = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// entries reads a list of mappings.
func (p *parser) entries(where string, n ast.Node, most int, each func(ast.Node)) error {
	list, ok := n.(*ast.SequenceNode)
	switch {
	case !ok:
		return fmt.Errorf("is %s, not a list", strictyaml.Describe(n))
	case len(list.Values) > most:
		return fmt.Errorf("has %d entries, more than %d", len(list.Values), most)
	}
	for _, e := range list.Values {
		if !strictyaml.IsMap(e) {
			p.bad.Add(strictyaml.Line(e), "%s: an entry is %s, not a mapping", where, strictyaml.Describe(e))
			continue
		}
		each(e)
	}
	return nil
}

// document reads the whole. What is referred to is read first, wherever it stands.
func (p *parser) document(cfg *Config, root ast.Node) {
	sections := map[string]ast.Node{}
	section := func(name string) func(ast.Node) error {
		return func(n ast.Node) error { sections[name] = n; return nil }
	}
	p.bad.Fields("alerts", root, map[string]func(ast.Node) error{
		"zone": func(n ast.Node) error {
			text, err := strictyaml.Text(n)
			if err == nil {
				var zone *time.Location
				if zone, err = timezone.Load(text); err == nil {
					p.zone = zone
				}
			}
			return err
		},
		"picture_wait": func(n ast.Node) (err error) {
			cfg.PictureWait, err = strictyaml.Duration(n, 0, maxPictureWait)
			return err
		},
		"schedules": section("schedules"), "targets": section("targets"), "rules": section("rules"),
	})
	cfg.Zone = p.zone
	p.schedules = map[string]schedule.Schedule{}
	if n := sections["schedules"]; n != nil {
		p.section("schedules", n, maxRules, func(n ast.Node) { p.schedule(n) })
	}
	if n := sections["targets"]; n != nil {
		p.section("targets", n, maxTargets, func(n ast.Node) { cfg.Targets = append(cfg.Targets, p.target(n, cfg.Targets)) })
	} else {
		p.bad.Add(1, "alerts: targets is missing: nobody would be told")
	}
	if n := sections["rules"]; n != nil {
		p.section("rules", n, maxRules, func(n ast.Node) { cfg.Rules = append(cfg.Rules, p.rule(n, cfg)) })
	} else {
		p.bad.Add(1, "alerts: rules is missing: nothing would be told")
	}
}

func (p *parser) section(where string, n ast.Node, most int, each func(ast.Node)) {
	if err := p.entries(where, n, most, each); err != nil {
		p.bad.Add(strictyaml.Line(n), "alerts: %s: %v", where, err)
	}
}

// named checks a name, and that no other has it.
func (p *parser) named(what, text string, line int, taken func(string) bool) {
	switch {
	case text == "":
		p.bad.Add(line, "%s: name is missing", what)
	case !name.MatchString(text):
		p.bad.Add(line, "%s: %.80q is no name: letters, digits, and _ . - inside", what, text)
	case taken(text):
		p.bad.Add(line, "%s: two are named %q", what, text)
	}
}

func text(to *string) func(ast.Node) error {
	return func(n ast.Node) (err error) { *to, err = strictyaml.Text(n); return err }
}

func truth(to *bool) func(ast.Node) error {
	return func(n ast.Node) (err error) { *to, err = strictyaml.Bool(n); return err }
}

// texts reads a list of strings, or one.
func texts(to *[]string) func(ast.Node) error {
	return func(n ast.Node) error {
		list, ok := n.(*ast.SequenceNode)
		if !ok {
			s, err := strictyaml.Text(n)
			*to = []string{s}
			return err
		}
		if len(list.Values) == 0 {
			return errors.New("is empty: leave it out for all")
		}
		for _, v := range list.Values {
			s, err := strictyaml.Text(v)
			if err != nil {
				return err
			}
			*to = append(*to, s)
		}
		return nil
	}
}

func patterns(to *[]string) func(ast.Node) error {
	read := texts(to)
	return func(n ast.Node) error {
		if err := read(n); err != nil {
			return err
		}
		for _, s := range *to {
			if _, err := path.Match(s, ""); err != nil || s == "" {
				return fmt.Errorf("%q is no pattern", s)
			}
		}
		return nil
	}
}

func (p *parser) schedule(n ast.Node) {
	var s schedule.Schedule
	lines := p.bad.Fields("schedules", n, map[string]func(ast.Node) error{
		"name": text(&s.Name), "from": text(&s.From), "to": text(&s.To), "days": texts(&s.Days), "zone": text(&s.Zone),
	})
	line := strictyaml.Line(n)
	p.named("schedules", s.Name, line, func(name string) bool { _, is := p.schedules[name]; return is })
	if lines["zone"] == 0 && p.zone != time.UTC {
		s.Zone = p.zone.String()
	}
	if err := s.Validate(); err != nil {
		for _, text := range strings.Split(err.Error(), "\n") {
			p.bad.Add(line, "schedules: %s: %s", s.Name, text)
		}
	}
	p.schedules[s.Name] = s
}

func (p *parser) template(to **message.Template) func(ast.Node) error {
	return func(n ast.Node) error {
		s, err := strictyaml.Text(n)
		if err == nil {
			*to, err = message.ParseTemplate(s)
		}
		return err
	}
}

func (p *parser) rule(n ast.Node, cfg *Config) Rule {
	var r Rule
	var when, targets []string
	r.Text, _ = message.ParseTemplate(message.DefaultText)
	r.Summary, _ = message.ParseTemplate(message.DefaultSummary)
	fields := map[string]func(ast.Node) error{
		"name": text(&r.Name), "cameras": patterns(&r.Cameras), "except": patterns(&r.Except), "types": patterns(&r.Types),
		"rules": texts(&r.Rules), "labels": texts(&r.Labels), "transitions": texts(&r.Transitions),
		"min_value": func(n ast.Node) error {
			f, err := strictyaml.Float(n)
			r.MinValue = &f
			return err
		},
		"min_duration": func(n ast.Node) error {
			d, err := strictyaml.Duration(n, 0, maxTime)
			f := d.Seconds()
			r.MinValue = &f
			return err
		},
		"during":  texts(&when),
		"quiet":   func(n ast.Node) (err error) { r.Quiet, err = strictyaml.Duration(n, time.Second, maxTime); return err },
		"limit":   func(n ast.Node) error { p.limit(&r, n); return nil },
		"picture": truth(&r.Picture), "targets": texts(&targets),
		"message": p.template(&r.Text), "summary": p.template(&r.Summary),
	}
	lines := p.bad.Fields("rules", n, fields)
	line := strictyaml.Line(n)
	where := "rules: " + r.Name
	p.named("rules", r.Name, line, func(name string) bool {
		return slices.ContainsFunc(cfg.Rules, func(o Rule) bool { return o.Name == name })
	})
	if lines["min_value"] > 0 && lines["min_duration"] > 0 {
		p.bad.Add(lines["min_duration"], "%s: min_duration and min_value are the same in seconds: give one", where)
	}
	for _, name := range when {
		s, ok := p.schedules[name]
		if !ok {
			p.bad.Add(lines["during"], "%s: during: there is no schedule %q%s", where, name, strictyaml.DidYouMean(name, keys(p.schedules)))
		}
		r.Schedules = append(r.Schedules, s)
	}
	if lines["targets"] == 0 {
		p.bad.Add(line, "%s: targets is missing: nobody would be told", where)
	}
	var known []string
	for _, t := range cfg.Targets {
		known = append(known, t.Name)
	}
	for _, t := range targets {
		if !slices.Contains(known, t) {
			p.bad.Add(lines["targets"], "%s: targets: there is no target %q%s", where, t, strictyaml.DidYouMean(t, known))
		}
	}
	r.Targets = targets
	return r
}

func (p *parser) limit(r *Rule, n ast.Node) {
	lines := p.bad.Fields("limit", n, map[string]func(ast.Node) error{
		"count": func(n ast.Node) (err error) { r.Limit, err = strictyaml.IntBetween(n, 1, 1_000_000); return err },
		"per":   func(n ast.Node) (err error) { r.Per, err = strictyaml.Duration(n, time.Second, maxTime); return err },
	})
	for _, name := range []string{"count", "per"} {
		if lines[name] == 0 {
			p.bad.Add(strictyaml.Line(n), "limit: %s is missing: {count: 5, per: 1h}", name)
		}
	}
}

func keys[V any](m map[string]V) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// pathOf takes a file's name from the configuration's folder.
func (p *parser) pathOf(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(p.folder, name)
}

// file reads a name of a file.
func (p *parser) file(to *string) func(ast.Node) error {
	return func(n ast.Node) error {
		s, err := strictyaml.Text(n)
		if err == nil && s == "" {
			err = errors.New("is empty")
		}
		*to = p.pathOf(s)
		return err
	}
}

// secrets adds the two fields by which a secret is named.
func (p *parser) secrets(fields map[string]func(ast.Node) error, name string, to *secret.Ref) {
	fields[name+"_file"] = p.file(&to.File)
	fields[name+"_env"] = text(&to.Env)
}

// certificates adds the fields of TLS; the function makes the configuration of them.
func (p *parser) certificates(fields map[string]func(ast.Node) error) func() (*tls.Config, error) {
	var ca, cert, key string
	fields["ca_file"], fields["cert_file"], fields["key_file"] = p.file(&ca), p.file(&cert), p.file(&key)
	return func() (*tls.Config, error) {
		var errs []error
		if (cert == "") != (key == "") {
			errs = append(errs, errors.New("cert_file and key_file belong together"))
		}
		conf := connect.ClientTLS(ca, cert, key, func(field string, err error) { errs = append(errs, fmt.Errorf("%s: %w", field, err)) })
		return conf, errors.Join(errs...)
	}
}

func timeout(to *time.Duration) func(ast.Node) error {
	return func(n ast.Node) (err error) {
		*to, err = strictyaml.Duration(n, time.Second, 5*time.Minute)
		return err
	}
}

func (p *parser) target(n ast.Node, others []Target) Target {
	var t Target
	open := func(kind string, read func(string, ast.Node) (target.Target, string, error)) func(ast.Node) error {
		return func(n ast.Node) error {
			if t.Kind != "" {
				return fmt.Errorf("the target is %s already", t.Kind)
			}
			t.Kind = kind
			before := len(p.bad.List())
			to, where, err := read(kind, n)
			t.Target, t.Where = to, where
			if err != nil && len(p.bad.List()) == before {
				for _, line := range strings.Split(err.Error(), "\n") {
					p.bad.Add(strictyaml.Line(n), "targets: %s: %s", kind, line)
				}
			}
			return nil
		}
	}
	p.bad.Fields("targets", n, map[string]func(ast.Node) error{
		"name": text(&t.Name), "webhook": open("webhook", p.webhook), "mqtt": open("mqtt", p.mqtt), "email": open("email", p.email),
	})
	line := strictyaml.Line(n)
	p.named("targets", t.Name, line, func(name string) bool {
		return slices.ContainsFunc(others, func(o Target) bool { return o.Name == name })
	})
	if t.Kind == "" {
		p.bad.Add(line, "targets: %s: says neither webhook, mqtt nor email", t.Name)
	}
	return t
}

func (p *parser) webhook(where string, n ast.Node) (target.Target, string, error) {
	var c webhook.Config
	fields := map[string]func(ast.Node) error{
		"url": text(&c.Plain), "mode": text(&c.Mode), "unencrypted": truth(&c.Unencrypted), "timeout": timeout(&c.Timeout), "no_picture": truth(&c.NoPicture),
	}
	p.secrets(fields, "url", &c.URL)
	p.secrets(fields, "secret", &c.Secret)
	p.secrets(fields, "token", &c.Token)
	certificates := p.certificates(fields)
	p.bad.Fields(where, n, fields)
	var err error
	if c.Plain != "" && !c.URL.IsZero() {
		err = errors.New("url is given twice")
	}
	var bad error
	c.TLS, bad = certificates()
	h, wrong := webhook.Open(c)
	return h, h.Host(), errors.Join(err, bad, wrong)
}

func (p *parser) mqtt(where string, n ast.Node) (target.Target, string, error) {
	var c mqtt.Config
	c.Topic, _ = message.ParseTemplate(mqtt.DefaultTopic)
	fields := map[string]func(ast.Node) error{
		"broker": text(&c.Broker), "topic": p.template(&c.Topic), "picture_topic": p.template(&c.Picture), "user": text(&c.User),
		"client_id": text(&c.ClientID), "retain": truth(&c.Retain), "unencrypted": truth(&c.Unencrypted), "timeout": timeout(&c.Timeout),
	}
	p.secrets(fields, "password", &c.Password)
	certificates := p.certificates(fields)
	p.bad.Fields(where, n, fields)
	var bad error
	c.TLS, bad = certificates()
	if c.Topic == nil { // it was wrong, and is told
		c.Topic, _ = message.ParseTemplate(mqtt.DefaultTopic)
	}
	client, wrong := mqtt.Open(c)
	return client, c.Broker, errors.Join(bad, wrong)
}

func (p *parser) email(where string, n ast.Node) (target.Target, string, error) {
	var c email.Config
	fields := map[string]func(ast.Node) error{
		"server": text(&c.Server), "encryption": text(&c.Encryption), "unencrypted": truth(&c.Unencrypted), "user": text(&c.User),
		"from": text(&c.From), "to": texts(&c.To), "subject": p.template(&c.Subject), "timeout": timeout(&c.Timeout), "no_picture": truth(&c.NoPicture),
	}
	p.secrets(fields, "password", &c.Password)
	certificates := p.certificates(fields)
	p.bad.Fields(where, n, fields)
	var bad error
	c.TLS, bad = certificates()
	m, wrong := email.Open(c)
	return m, strings.Join(c.To, ", ") + " by " + c.Server, errors.Join(bad, wrong)
}
