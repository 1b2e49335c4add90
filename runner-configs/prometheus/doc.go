// Package prometheus holds what a Prometheus and a Grafana need to watch Framebeam: an example of
// scraping, alert rules with their tests, and a dashboard. It is all files; its tests ask promtool
// and a real Prometheus.
package prometheus
