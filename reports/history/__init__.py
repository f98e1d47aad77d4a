"""Many runs of one machine as series: per cell the trend, and where its level changed."""
