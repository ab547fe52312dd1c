{{- define "platform-manager.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "platform-manager.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: api
{{- end }}

{{- define "platform-manager.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "platform-manager.image" -}}
{{- if .Values.image.digest -}}
{{ printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else -}}
{{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end -}}
{{- end }}

{{- define "platform-manager.publicUrl" -}}
{{ required "config.PUBLIC_URL is required: where browsers reach the API, such as https://platforms.example.org" .Values.config.PUBLIC_URL }}
{{- end }}

{{/*
The settings, of the API and of the migration. They stand in the pod and not in a ConfigMap, which would not exist yet when
the hook runs; and so a change restarts the pods. Helm reads numbers as floats: 2592000 would become 2.592e+06.
*/}}
{{- define "platform-manager.environment" -}}
envFrom:
  - secretRef:
      name: {{ required "existingSecret is required: the Secret with DATABASE_URL, REDIS_URL, PLATFORM_ENCRYPTION_KEY and JWT_SECRET" .Values.existingSecret }}
  {{- with .Values.extraEnvFrom }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
env:
  - name: NODE_ENV
    value: production
  - name: PORT
    value: '3000'
  - name: METRICS_PORT
    value: {{ .Values.metrics.port | int | quote }}
  - name: PUBLIC_URL
    value: {{ include "platform-manager.publicUrl" . | quote }}
  {{- range $name, $value := omit .Values.config "PUBLIC_URL" }}
  - name: {{ $name }}
    value: {{ if kindIs "float64" $value }}{{ $value | int64 | quote }}{{ else }}{{ $value | quote }}{{ end }}
  {{- end }}
{{- end }}

{{/* Where the pod runs, and as whom; of the API and of the migration. */}}
{{- define "platform-manager.pod" -}}
automountServiceAccountToken: false
# Kubernetes would add a variable for each Service, some with names of settings.
enableServiceLinks: false
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.extraVolumes }}
volumes:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "platform-manager.container" -}}
image: {{ include "platform-manager.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{ include "platform-manager.environment" . }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
{{- with .Values.extraVolumeMounts }}
volumeMounts:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
