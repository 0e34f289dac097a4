{{/* Labels of every object. */}}
{{- define "hawser.labels" -}}
app.kubernetes.io/name: hawser-relay
app.kubernetes.io/part-of: hawser
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* What the relay's pods are known by; it can never change. */}}
{{- define "hawser.selectorLabels" -}}
app.kubernetes.io/name: hawser-relay
{{- end }}

{{- define "hawser.image" -}}
{{- $repository := required "image.repository: say where your image of the relay is, as registry.example/hawser-relay" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* Whether devices can join: somebody signs, and it is not switched off. "true" or "". */}}
{{- define "hawser.joins" -}}
{{- $enroll := .Values.settings.enroll | default dict -}}
{{- $signs := or .Values.issuer.existingSecret (not .Values.tls.existingSecret) -}}
{{- if and $signs (ne (toString (get $enroll "enabled")) "false") -}}true{{- end -}}
{{- end }}

{{/* The relay's configuration: the settings, and the files of Secrets that are mounted. */}}
{{- define "hawser.config" -}}
{{- $link := .Values.settings.link | default dict -}}
{{- $enroll := .Values.settings.enroll | default dict -}}
{{- if not (or $link.names .Values.tls.existingSecret) -}}
{{- fail "settings.link.names: say by which names and addresses devices reach the relay, as --set 'settings.link.names={relay.example}'" -}}
{{- end -}}
{{- if and (include "hawser.joins" .) (not $enroll.relays) -}}
{{- fail "settings.enroll.relays: say what join lines tell devices to dial, as --set 'settings.enroll.relays={wss://relay.example:8443}'" -}}
{{- end -}}
{{- $config := deepCopy .Values.settings -}}
{{- if .Values.tls.existingSecret -}}
{{- $_ := set $config "tls" (dict "cert" "/etc/hawser/tls/tls.crt" "key" "/etc/hawser/tls/tls.key" "clientCa" "/etc/hawser/tls/ca.crt") -}}
{{- end -}}
{{- if .Values.issuer.existingSecret -}}
{{- $_ := set $config "issuer" (dict "cert" "/etc/hawser/issuer/tls.crt" "key" "/etc/hawser/issuer/tls.key") -}}
{{- end -}}
{{ toYaml $config }}
{{- end }}

{{/* A port of the settings: dict "settings" .Values.settings "section" "ops" "port" 8081 */}}
{{- define "hawser.port" -}}
{{- $section := get .settings .section | default dict -}}
{{- int (get $section "port" | default .port) -}}
{{- end }}

{{/* A setting that is a flag, on unless it was switched off: dict "of" .Values.settings.replica "name" "leases". "true" or "". */}}
{{- define "hawser.isOn" -}}
{{- if ne (toString (get (.of | default dict) .name)) "false" -}}true{{- end -}}
{{- end }}

{{/* Longer than the drain, so that no link is cut off in it. */}}
{{- define "hawser.graceSeconds" -}}
{{- if .Values.terminationGracePeriodSeconds -}}
{{- int .Values.terminationGracePeriodSeconds -}}
{{- else -}}
{{- add (int (get .Values.settings "drainSeconds" | default 5)) (int (get .Values.settings "drainNoticeSeconds" | default 0)) 15 -}}
{{- end -}}
{{- end }}

{{/* "constrained" or "older". */}}
{{- define "hawser.asNode" -}}
{{- if ne .Values.rbac.asNode "auto" -}}
{{ .Values.rbac.asNode }}
{{- else if semverCompare ">=1.36.0-0" .Capabilities.KubeVersion.Version -}}
constrained
{{- else -}}
older
{{- end -}}
{{- end }}

{{/* To whom rights are given. */}}
{{- define "hawser.subjects" -}}
- kind: ServiceAccount
  name: {{ .Values.serviceAccount.name }}
  namespace: {{ .Release.Namespace }}
{{- end }}
