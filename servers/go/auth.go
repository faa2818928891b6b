package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// The contract's, for everyone to read: what is measured is the work, and nothing is protected by it.
var secret = []byte("bench's secret for HS256, 32 bytes or more")

func auth(w http.ResponseWriter, r *http.Request) error {
	sub, ok := bearer(r.Header.Get("Authorization"))
	if !ok {
		// RFC 9110 section 11.6.1: a 401 comes with a challenge.
		w.Header().Set("WWW-Authenticate", "Bearer")
		return &refusal{http.StatusUnauthorized, "a token is needed that is valid and signed by HS256"}
	}
	return replyJSON(w, struct {
		Sub string `json:"sub"`
	}{sub})
}

// bearer is whom a field Authorization speaks for: the standard library has HMAC, and a JSON Web Token (RFC 7519) is no more than that.
func bearer(field string) (sub string, ok bool) {
	scheme, token, _ := strings.Cut(field, " ")
	parts := strings.Split(strings.TrimLeft(token, " "), ".")
	if !strings.EqualFold(scheme, "Bearer") || len(parts) != 3 {
		return "", false
	}
	var header struct{ Alg string }
	if !decode(parts[0], &header) || header.Alg != "HS256" {
		return "", false
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(parts[0] + "." + parts[1]))
	if err != nil || !hmac.Equal(signature, mac.Sum(nil)) {
		return "", false
	}
	var claims struct {
		Sub string
		Exp int64
	}
	if !decode(parts[1], &claims) || time.Now().Unix() >= claims.Exp {
		return "", false
	}
	return claims.Sub, claims.Sub != ""
}

func decode(part string, into any) bool {
	decoded, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(decoded, into) == nil
}
