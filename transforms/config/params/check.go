package params

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

var durationType = reflect.TypeFor[Duration]()

// Check returns every parameter that is not what its tags say, joined.
func Check(p any) error {
	var errs []error
	checkStruct("", reflect.ValueOf(p), &errs)
	return errors.Join(errs...)
}

func checkStruct(path string, v reflect.Value, errs *[]error) {
	for i := range v.NumField() {
		if f := v.Type().Field(i); name(f) != "" {
			checkValue(path+name(f), v.Field(i), f.Tag, errs)
		}
	}
}

func checkValue(path string, v reflect.Value, tag reflect.StructTag, errs *[]error) {
	wrong := func(format string, args ...any) { *errs = append(*errs, Wrong(path, format, args...)) }
	switch {
	case v.Type() == durationType:
		d := time.Duration(v.Int())
		if least, most, ok := durations(tag); ok && (d < least || d > most) {
			wrong("%v is not %v to %v", d, least, most)
		}
	case v.CanInt():
		if least, most := bounds(tag); float64(v.Int()) < least || float64(v.Int()) > most {
			wrong("%d is not %s", v.Int(), between(least, most))
		}
	case v.CanFloat():
		if least, most := bounds(tag); !(v.Float() >= least && v.Float() <= most) || math.IsInf(v.Float(), 0) {
			wrong("%v is not %s", v.Float(), between(least, most))
		}
	case v.Kind() == reflect.String:
		if enum := tag.Get("enum"); enum != "" && !slices.Contains(strings.Split(enum, ","), v.String()) {
			wrong("%q is not one of %s", v.String(), strings.ReplaceAll(enum, ",", ", "))
		}
	case v.Kind() == reflect.Slice, v.Kind() == reflect.Array:
		if least, most, ok := items(tag); ok && (v.Len() < least || v.Len() > most) {
			wrong("has %d entries, not %d to %d", v.Len(), least, most)
			return
		}
		for i := range v.Len() {
			checkValue(fmt.Sprintf("%s/%d", path, i), v.Index(i), elementTag(tag), errs)
		}
	case v.Kind() == reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			checkValue(path+"/"+k.String(), v.MapIndex(k), elementTag(tag), errs)
		}
	case v.Kind() == reflect.Struct:
		checkStruct(path+"/", v, errs)
	}
}

// name is the field's name in configurations; "" if it is none.
func name(f reflect.StructField) string {
	n, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if !f.IsExported() || n == "-" {
		return ""
	}
	return n
}

// elementTag is what a list's tag says of its entries.
func elementTag(tag reflect.StructTag) reflect.StructTag {
	var of []string
	for _, key := range []string{"min", "max", "enum"} {
		if v := tag.Get(key); v != "" {
			of = append(of, key+":"+strconv.Quote(v))
		}
	}
	return reflect.StructTag(strings.Join(of, " "))
}

func bounds(tag reflect.StructTag) (least, most float64) {
	bound := func(key string, none float64) float64 {
		v := tag.Get(key)
		if v == "" {
			return none
		}
		f, err := strconv.ParseFloat(v, 64)
		if err != nil {
			panic(fmt.Sprintf("params: tag %s:%q: %v", key, v, err))
		}
		return f
	}
	return bound("min", math.Inf(-1)), bound("max", math.Inf(1))
}

func between(least, most float64) string {
	switch {
	case math.IsInf(most, 1) && math.IsInf(least, -1):
		return "a finite number"
	case math.IsInf(most, 1):
		return fmt.Sprintf("a number of at least %v", least)
	case math.IsInf(least, -1):
		return fmt.Sprintf("a number of at most %v", most)
	}
	return fmt.Sprintf("%v to %v", least, most)
}

func durations(tag reflect.StructTag) (least, most time.Duration, ok bool) {
	if tag.Get("min") == "" {
		return 0, 0, false
	}
	parse := func(key string) time.Duration {
		d, err := time.ParseDuration(tag.Get(key))
		if err != nil {
			panic(fmt.Sprintf("params: tag %s: %v", key, err))
		}
		return d
	}
	return parse("min"), parse("max"), true
}

func items(tag reflect.StructTag) (least, most int, ok bool) {
	a, b, ok := strings.Cut(tag.Get("items"), ",")
	if !ok {
		return 0, 0, false
	}
	least, err1 := strconv.Atoi(a)
	most, err2 := strconv.Atoi(b)
	if err := errors.Join(err1, err2); err != nil {
		panic(fmt.Sprintf("params: tag items: %v", err))
	}
	return least, most, true
}
