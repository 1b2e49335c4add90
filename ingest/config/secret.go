package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Secret is what a reference to the environment was replaced by.
type Secret struct {
	Ref   string // ${NAME}
	Value string
}

var environment = regexp.MustCompile(`\$\{[^}]*\}?`)

// expand replaces ${NAME} from the environment. In the user part of a URL what is
// put in is percent-encoded, so that a password may hold / # ? @ and all else.
func expand(text string, getenv func(string) (string, bool)) (expanded string, secrets []Secret, err error) {
	from, to := userPart(text)
	var unset []string
	var b strings.Builder
	last := 0
	for _, at := range environment.FindAllStringIndex(text, -1) {
		ref := text[at[0]:at[1]]
		name, closed := strings.CutSuffix(strings.TrimPrefix(ref, "${"), "}")
		value, ok := getenv(name)
		if !closed || !ok || value == "" {
			unset = append(unset, ref)
			continue
		}
		secrets = append(secrets, Secret{ref, value})
		b.WriteString(text[last:at[0]])
		last = at[1]
		switch {
		case at[0] < from || at[1] > to:
			b.WriteString(value)
		case strings.Contains(environment.ReplaceAllString(text[from:to], ""), ":"):
			b.WriteString(encode(value))
		default: // user and password in one
			user, password, both := strings.Cut(value, ":")
			if b.WriteString(encode(user)); both {
				b.WriteString(":" + encode(password))
			}
		}
	}
	if len(unset) > 0 {
		return "", nil, fmt.Errorf("not set in the environment: %s", strings.Join(unset, ", "))
	}
	b.WriteString(text[last:])
	return b.String(), secrets, nil
}

// userPart is where in a URL, before anything is replaced in it, user and password
// stand; an empty range if there are none.
func userPart(text string) (from, to int) {
	m := scheme.FindStringIndex(text)
	if m == nil {
		return 0, 0
	}
	// References hold no characters of the URL's own.
	plain := environment.ReplaceAllStringFunc(text, func(ref string) string { return strings.Repeat("x", len(ref)) })
	authority := plain[m[1]:]
	if end := strings.IndexAny(authority, "/?#"); end >= 0 {
		authority = authority[:end]
	}
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return 0, 0
	}
	return m[1], m[1] + at
}

// encode percent-encodes everything but what RFC 3986 calls unreserved.
func encode(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// hidePassword returns the URL without anything that may be a secret: the
// password, and the query, in which some cameras want theirs.
func hidePassword(u *url.URL) string {
	shown := *u
	shown.RawQuery, shown.Fragment = "", ""
	return shown.Redacted()
}

// hideInText does the same for a URL in which references stand, and leaves these.
func hideInText(text string) string {
	from, to := userPart(text)
	plain := environment.ReplaceAllStringFunc(text, func(ref string) string { return strings.Repeat("x", len(ref)) })
	if end := strings.IndexAny(plain[to:], "?#"); end >= 0 {
		text = text[:to+end]
	}
	if user, _, ok := strings.Cut(text[from:to], ":"); ok {
		text = text[:from] + user + ":xxxxx" + text[to:]
	}
	return text
}

// leastHidden is the length from which on a value is looked for in what others say:
// a channel's number is no secret, and stands everywhere.
const leastHidden = 3

// Redact hides in a text, FFmpeg's or anybody's, what came from the environment,
// and what the source's URL may hold of secrets besides.
func (s Source) Redact(text string) string {
	if s.URL != "" {
		text = strings.ReplaceAll(text, s.URL, s.Text)
	}
	type hide struct{ what, by string }
	var list []hide
	for _, x := range s.Secrets {
		if len(x.Value) < leastHidden {
			continue
		}
		quoted := strconv.Quote(x.Value)
		ascii := strconv.QuoteToASCII(x.Value)
		for _, form := range []string{
			x.Value, encode(x.Value), strings.ToLower(encode(x.Value)), url.PathEscape(x.Value), url.QueryEscape(x.Value),
			quoted[1 : len(quoted)-1], ascii[1 : len(ascii)-1], inJSON(x.Value),
		} {
			list = append(list, hide{form, x.Ref})
		}
	}
	if u, err := url.Parse(s.URL); err == nil && s.URL != "" {
		if password, ok := u.User.Password(); ok && password != "" {
			list = append(list, hide{u.User.String(), "xxxxx"}, hide{password, "xxxxx"})
		}
		if len(u.RawQuery) >= leastHidden {
			list = append(list, hide{u.RawQuery, "xxxxx"})
		}
	}
	// The longest first: one may be a part of another.
	slices.SortStableFunc(list, func(a, b hide) int { return cmp.Compare(len(b.what), len(a.what)) })
	for _, h := range list {
		text = strings.ReplaceAll(text, h.what, h.by)
	}
	return text
}

// inJSON is a text as it stands in a JSON string, as package slog writes them.
func inJSON(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		return text
	}
	quoted := strings.TrimSpace(b.String())
	return quoted[1 : len(quoted)-1]
}
