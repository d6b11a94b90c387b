{{- define "harness.name" -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "harness.labels" -}}
app.kubernetes.io/name: movinesta-harness
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "harness.workers" -}}
{{- $by_rate := ceil (divf .Values.workers.requestsPerSecond .Values.workers.requestsPerSecondEach) -}}
{{- $by_phones := ceil (divf .Values.workers.phones .Values.workers.phonesEach) -}}
{{- if gt (int .Values.workers.count) 0 }}{{ int .Values.workers.count }}{{ else }}{{ max 1 (int $by_rate) (int $by_phones) }}{{ end }}
{{- end }}

{{- define "harness.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "harness.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
restartPolicy: Never
terminationGracePeriodSeconds: 60
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "harness.container" -}}
image: {{ include "harness.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: ["ALL"]
envFrom:
  - secretRef:
      name: {{ .Values.secret }}
{{- end }}

{{/* A run touches the file once a second (docs/sizing.md): a look at it takes no CPU from what is measured. */}}
{{- define "harness.probes" -}}
startupProbe:
  exec:
    command: ["test", "-f", "/tmp/alive"]
  periodSeconds: 5
  failureThreshold: 24
readinessProbe:
  exec:
    command: ["sh", "-c", "test -n \"$(find /tmp/alive -newermt '-15 seconds')\""]
  periodSeconds: 10
livenessProbe:
  exec:
    command: ["sh", "-c", "test -n \"$(find /tmp/alive -newermt '-60 seconds')\""]
  periodSeconds: 20
  failureThreshold: 3
{{- end }}
