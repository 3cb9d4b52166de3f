#!/bin/sh
# Says whether a POST is genuine: sh verify_openssl.sh ID TIMESTAMP SIGNATURES BODYFILE
set -f
case $2 in '' | *[!0-9]*) echo "no timestamp" && exit 1 ;; esac
age=$(($(date +%s) - $2))
if [ "${age#-}" -gt 300 ]; then echo "too old, or of the future" && exit 1; fi
while read -r secret || [ -n "$secret" ]; do
    case $secret in whsec_?*) ;; *) continue ;; esac
    key=$(echo "${secret#whsec_}" | openssl base64 -A -d | od -An -v -tx1 | tr -d ' \n')
    expected=$({ printf '%s.%s.' "$1" "$2" && cat "$4"; } |
        openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary |
        openssl base64 -A)
    for signature in $3; do
        if [ "$signature" = "v1,${expected:?}" ]; then echo genuine && exit; fi
    done
done < signing-secret
echo "not genuine"
exit 1
