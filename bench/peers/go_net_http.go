// A receiver in Go as one would write it with the standard library: HMAC over the body, JSON into
// a map, 200. Nothing is stored. The argument is the address, PEER_SECRET the secret token.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
)

const maxBody = 1 << 20

func main() {
	secret := []byte(os.Getenv("PEER_SECRET"))
	http.HandleFunc("/webhook", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			http.Error(w, "POST", http.StatusMethodNotAllowed)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			http.Error(w, "body", http.StatusBadRequest)
			return
		}
		signature, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Signature"))
		mac := hmac.New(sha256.New, secret)
		mac.Write(body)
		if err != nil || !hmac.Equal(mac.Sum(nil), signature) {
			http.Error(w, "signature", http.StatusUnauthorized)
			return
		}
		var alert map[string]any
		if err := json.Unmarshal(body, &alert); err != nil {
			http.Error(w, "no JSON", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"status": "accepted"}`)
	})
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}
