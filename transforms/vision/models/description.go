package models

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// A model's file says itself how pixels become its input and what its output means, so that one
// digest stands for all of it: as two entries of the metadata at the end of the ONNX file, the
// description, and the SHA-256 of all bytes before the second. Other programs pass over both.
const (
	descriptionEntry = "framebeam.network"
	sealEntry        = "framebeam.sha256"
)

// metadata is the number of the field metadata_props in ONNX's ModelProto.
const metadata protowire.Number = 14

// Describe adds a description to an ONNX file, whatever wrote it: what stands behind a message in
// protobuf's encoding is added to it.
func Describe(file []byte, description string) []byte {
	file = appendEntry(file[:len(file):len(file)], descriptionEntry, description)
	return appendEntry(file, sealEntry, SHA256(file))
}

// SHA256 is the digest of a file's content as the catalogue and configurations have it: 64 hex
// digits, in small letters.
func SHA256(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// ErrNotDescribed is of an ONNX file without a description.
var ErrNotDescribed = errors.New("the file does not say how it is used (framebeam models add writes one that does)")

// Description is the last one that was added to a file, if the file is whole since.
func Description(file []byte) (string, error) {
	var description string
	var found, sealed bool
	for at := 0; at < len(file); {
		name, value, n, err := entry(file[at:])
		if err != nil {
			return "", fmt.Errorf("not an ONNX file, at byte %d: %w", at, err)
		}
		switch name {
		case descriptionEntry:
			description, found, sealed = value, true, false
		case sealEntry:
			sealed = at+n == len(file) && SHA256(file[:at]) == value
		}
		at += n
	}
	if !found {
		return "", ErrNotDescribed
	}
	if !sealed {
		return "", errors.New("the file is not as it was written: its bytes do not have the SHA-256 that stands at its end")
	}
	return description, nil
}

// entry is the field that b begins with, n bytes, and what it says if it is of the metadata.
func entry(b []byte) (name, value string, n int, err error) {
	field, kind, tag := protowire.ConsumeTag(b)
	if tag < 0 {
		return "", "", 0, protowire.ParseError(tag)
	}
	size := protowire.ConsumeFieldValue(field, kind, b[tag:])
	if size < 0 {
		return "", "", 0, protowire.ParseError(size)
	}
	n = tag + size
	if field != metadata || kind != protowire.BytesType {
		return "", "", n, nil
	}
	inner, _ := protowire.ConsumeBytes(b[tag:])
	for len(inner) > 0 {
		field, kind, tag := protowire.ConsumeTag(inner)
		if tag < 0 {
			return "", "", 0, protowire.ParseError(tag)
		}
		size := protowire.ConsumeFieldValue(field, kind, inner[tag:])
		if size < 0 {
			return "", "", 0, protowire.ParseError(size)
		}
		if kind == protowire.BytesType {
			s, _ := protowire.ConsumeString(inner[tag:])
			switch field {
			case 1:
				name = s
			case 2:
				value = s
			}
		}
		inner = inner[tag+size:]
	}
	return name, value, n, nil
}

func appendEntry(file []byte, name, value string) []byte {
	var e []byte
	e = protowire.AppendString(protowire.AppendTag(e, 1, protowire.BytesType), name)
	e = protowire.AppendString(protowire.AppendTag(e, 2, protowire.BytesType), value)
	return protowire.AppendBytes(protowire.AppendTag(file, metadata, protowire.BytesType), e)
}
