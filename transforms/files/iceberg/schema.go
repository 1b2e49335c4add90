package iceberg

import (
	"encoding/json"
	"fmt"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// Names of the columns by whose values tables are partitioned.
const (
	cameraColumn = "camera"
	dayColumn    = "day"
)

// Ids of the partition fields, which the format counts from 1000.
const (
	cameraFieldID = 1000
	dayFieldID    = 1001
)

// schemaField is a column, or a field of a struct.
type schemaField struct {
	ID       int    `json:"id"`
	Name     string `json:"name"`
	Required bool   `json:"required"`
	Type     any    `json:"type"`
}

type structType struct {
	Type     string        `json:"type"`
	SchemaID int           `json:"schema-id"`
	Fields   []schemaField `json:"fields"`
}

type nestedType struct {
	Type   string        `json:"type"`
	Fields []schemaField `json:"fields"`
}

type listType struct {
	Type            string `json:"type"`
	ElementID       int    `json:"element-id"`
	Element         any    `json:"element"`
	ElementRequired bool   `json:"element-required"`
}

// fieldsOf are the columns of a Parquet schema as Iceberg has them. Every field, and every
// element of a list, must have an id.
func fieldsOf(nodes []parquet.Field) ([]schemaField, error) {
	var fields []schemaField
	for _, n := range nodes {
		t, err := typeOf(n)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", n.Name(), err)
		}
		if n.ID() < 1 {
			return nil, fmt.Errorf("column %s has no field id", n.Name())
		}
		fields = append(fields, schemaField{n.ID(), n.Name(), n.Required(), t})
	}
	return fields, nil
}

func typeOf(n parquet.Node) (any, error) {
	if n.Leaf() {
		return primitiveOf(n.Type())
	}
	if t := n.Type().LogicalType(); t != nil {
		if _, ok := t.Value.(*format.ListType); ok {
			element := n.Fields()[0].Fields()[0]
			of, err := typeOf(element)
			if err == nil && element.ID() < 1 {
				err = fmt.Errorf("elements have no field id")
			}
			return listType{"list", element.ID(), of, element.Required()}, err
		}
	}
	fields, err := fieldsOf(n.Fields())
	return nestedType{"struct", fields}, err
}

func primitiveOf(t parquet.Type) (string, error) {
	if l := t.LogicalType(); l != nil {
		switch l := l.Value.(type) {
		case *format.StringType:
			return "string", nil
		case *format.DateType:
			return "date", nil
		case *format.TimestampType:
			if _, micro := l.Unit.Value.(*format.MicroSeconds); micro && l.IsAdjustedToUTC {
				return "timestamptz", nil
			}
			return "", fmt.Errorf("%v is no timestamp that the format knows", t)
		}
	}
	switch t.Kind() {
	case parquet.Boolean:
		return "boolean", nil
	case parquet.Int32:
		return "int", nil
	case parquet.Int64:
		return "long", nil
	case parquet.Float:
		return "float", nil
	case parquet.Double:
		return "double", nil
	case parquet.ByteArray:
		return "binary", nil
	}
	return "", fmt.Errorf("%v is no type that the format knows", t)
}

// lastID is the highest id of the fields.
func lastID(nodes []parquet.Field) (last int) {
	for _, n := range nodes {
		last = max(last, n.ID())
		if !n.Leaf() {
			last = max(last, lastID(n.Fields()))
		}
	}
	return last
}

// idOf is the id of a column by its name.
func idOf(nodes []parquet.Field, name string) (int, error) {
	for _, n := range nodes {
		if n.Name() == name {
			return n.ID(), nil
		}
	}
	return 0, fmt.Errorf("there is no column %s", name)
}

type partitionField struct {
	Name      string `json:"name"`
	Transform string `json:"transform"`
	SourceID  int    `json:"source-id"`
	FieldID   int    `json:"field-id"`
}

type partitionSpec struct {
	ID     int              `json:"spec-id"`
	Fields []partitionField `json:"fields"`
}

type sortField struct {
	Transform string `json:"transform"`
	SourceID  int    `json:"source-id"`
	Direction string `json:"direction"`
	Nulls     string `json:"null-order"`
}

type sortOrder struct {
	ID     int         `json:"order-id"`
	Fields []sortField `json:"fields"`
}

// sortOrderID is that of all files: 0 is reserved for none.
const sortOrderID = 1

// shape is what of a table follows from its definition.
type shape struct {
	fields     []schemaField
	fieldsJSON string // to compare
	last       int
	spec       partitionSpec
	sort       sortOrder
}

func (d Definition) shape() (s shape, err error) {
	nodes := d.Schema.Fields()
	if s.fields, err = fieldsOf(nodes); err != nil {
		return s, err
	}
	s.last = lastID(nodes)
	b, err := json.Marshal(s.fields)
	if err != nil {
		return s, err
	}
	s.fieldsJSON = string(b)
	for i, name := range []string{cameraColumn, dayColumn} {
		id, err := idOf(nodes, name)
		if err != nil {
			return s, err
		}
		s.spec.Fields = append(s.spec.Fields, partitionField{name, "identity", id, cameraFieldID + i})
	}
	s.sort.ID = sortOrderID
	for _, name := range d.Sorted {
		id, err := idOf(nodes, name)
		if err != nil {
			return s, err
		}
		s.sort.Fields = append(s.sort.Fields, sortField{"identity", id, "asc", "nulls-last"})
	}
	return s, nil
}
