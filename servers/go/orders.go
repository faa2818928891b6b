package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"unicode/utf8"
)

const (
	maxCustomerID     = 1<<53 - 1
	maxItems          = 100
	maxSkuChars       = 32
	maxQuantity       = 1_000
	maxUnitPriceCents = 1_000_000
)

type receipt struct {
	CustomerID int64 `json:"customer_id"`
	ItemCount  int   `json:"item_count"`
	TotalCents int64 `json:"total_cents"`
}

func orders(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	order, err := decodeJSON(body)
	if err != nil {
		return &refusal{http.StatusBadRequest, "the body must be JSON: " + err.Error()}
	}
	var check check
	receipt := check.order(order)
	if check.isInvalid {
		fault, err := json.Marshal(map[string]string{"field": check.field})
		if err != nil {
			return err
		}
		return replyStatus(w, http.StatusUnprocessableEntity, jsonType, fault)
	}
	return replyJSON(w, receipt)
}

// decodeJSON gives maps and slices: decoded into structs, members would be found under names of another case as well, and a fault
// could not be said to be of a certain item.
func decodeJSON(body []byte) (value any, err error) {
	// Otherwise replacement characters would be taken for what is no UTF-8.
	if !utf8.Valid(body) {
		return nil, fmt.Errorf("it is not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	// As they are written: a float64 would round them.
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("something follows it")
	}
	return value, nil
}

// A check remembers the first member that is wrong or missing. After that, what it gives is of no meaning.
type check struct {
	isInvalid bool
	// Its dotted path.
	field string
}

func (c *check) order(value any) (receipt receipt) {
	order, ok := value.(map[string]any)
	c.require("", ok)
	customer, ok := order["customer"].(map[string]any)
	c.require("customer", ok)
	receipt.CustomerID = c.integer("customer.id", customer["id"], 1, maxCustomerID)
	email, _ := customer["email"].(string)
	address, err := mail.ParseAddress(email)
	c.require("customer.email", err == nil && address.Address == email)
	items, ok := order["items"].([]any)
	c.require("items", ok && len(items) >= 1 && len(items) <= maxItems)
	receipt.ItemCount = len(items)
	for i, value := range items {
		if c.isInvalid {
			break
		}
		path := fmt.Sprintf("items.%d", i)
		item, ok := value.(map[string]any)
		c.require(path, ok)
		sku, _ := item["sku"].(string)
		chars := utf8.RuneCountInString(sku)
		c.require(path+".sku", chars >= 1 && chars <= maxSkuChars)
		quantity := c.integer(path+".quantity", item["quantity"], 1, maxQuantity)
		price := c.integer(path+".unit_price_cents", item["unit_price_cents"], 0, maxUnitPriceCents)
		receipt.TotalCents += quantity * price
	}
	return receipt
}

func (c *check) integer(field string, value any, min, max int64) int64 {
	number, _ := value.(json.Number)
	integer, err := number.Int64()
	c.require(field, err == nil && integer >= min && integer <= max)
	return integer
}

func (c *check) require(field string, isRight bool) {
	if !isRight && !c.isInvalid {
		c.isInvalid, c.field = true, field
	}
}
