#!/bin/bash
# Needs curl and jq.
url=http://127.0.0.1:8080/rest/updates

# Make a request; print the response, and its status on the last line.
call() {
  curl -sS --max-time 90 -w '\n%{http_code}' -H @- "$@" \
    <<< "Authorization: Bearer $XMPPREST_TOKEN"
}

# Print the reply to an update as JSON; nothing for no reply. It answers no errors, no
# group chats, and no history of a room.
reply_to() {
  jq -c '.stanza | select((.type == "chat" or .type == "normal") and .delay == null)
    | select(.body) | {body: ("You said: " + .body)}'
}

# Answer an update; fails if it should be fetched and answered again.
process() {
  local reply response
  reply=$(reply_to <<< "$1")
  if [ -z "$reply" ]; then return; fi
  response=$(call -H 'Content-Type: application/json' --data-binary "$reply" \
    "$url/$(jq -r .id <<< "$1")") || return
  case ${response##*$'\n'} in
    204 | 404 | 409) ;; # 404 and 409: it was answered already, or it expired.
    5??) return 1 ;;
    *) echo "Refused: $response" >&2 ;;
  esac
}

# Answer each update of a response.
process_all() {
  local update
  jq -c '.updates[]' <<< "$1" | while read -r update; do
    process "$update" || exit
  done
}

after=
while true; do
  response=$(call "$url?wait=50$after")
  case ${response##*$'\n'} in
    200)
      page=${response%$'\n'*}
      if process_all "$page"; then
        after="&after=$(jq -r .cursor <<< "$page")"
        continue
      fi ;;
    400) after= ;; # Not a cursor of this gateway: begin with what there is.
    4??) echo "$response" >&2; exit 1 ;;
  esac
  sleep 1
done
