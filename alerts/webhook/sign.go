package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/framebeam/framebeam/alerts/secret"
)

// Messages are signed as https://www.standardwebhooks.com says: HMAC-SHA256 over id, time and
// body, by a key that is written as whsec_ and base64 of 24 to 64 bytes.
const (
	keyPrefix        = "whsec_"
	leastKey         = 24
	mostKey          = 64
	headerID         = "webhook-id"
	headerTimestamp  = "webhook-timestamp"
	headerSignature  = "webhook-signature"
	signatureVersion = "v1,"
)

// keys reads the keys: several while one is replaced by another.
func keys(ref secret.Ref) ([][]byte, error) {
	lines, err := ref.Lines()
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for _, line := range lines {
		text, ok := strings.CutPrefix(strings.TrimSpace(line), keyPrefix)
		key, err := base64.StdEncoding.DecodeString(text)
		// What is wrong with it is not said in detail: that would repeat a part of it.
		if !ok || err != nil || len(key) < leastKey || len(key) > mostKey {
			return nil, fmt.Errorf("%v does not hold a key as Standard Webhooks has it, whsec_ and base64 of %d to %d bytes: "+
				"echo whsec_$(openssl rand -base64 32) makes one", ref, leastKey, mostKey)
		}
		all = append(all, key)
	}
	return all, nil
}

// sign is the header webhook-signature: one signature for each key.
func sign(keys [][]byte, id string, at time.Time, body []byte) string {
	signatures := make([]string, len(keys))
	for i, key := range keys {
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%d.", id, at.Unix())
		mac.Write(body)
		signatures[i] = signatureVersion + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(signatures, " ")
}

// ErrSignature is of a request that is not from who has the key, or is too old.
var ErrSignature = errors.New("the signature does not hold")

// Verify is for receivers: whether a request's headers and body were signed with a key,
// at most so long ago.
func Verify(key string, header func(string) string, body []byte, tolerance time.Duration, now time.Time) error {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, keyPrefix))
	if err != nil {
		return ErrSignature
	}
	seconds, err := strconv.ParseInt(header(headerTimestamp), 10, 64)
	if at := time.Unix(seconds, 0); err != nil || now.Sub(at).Abs() > tolerance {
		return ErrSignature
	}
	want := sign([][]byte{raw}, header(headerID), time.Unix(seconds, 0), body)
	for _, got := range strings.Fields(header(headerSignature)) {
		if hmac.Equal([]byte(got), []byte(want)) {
			return nil
		}
	}
	return ErrSignature
}
