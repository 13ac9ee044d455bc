"""System-call traces: the columnar `TraceSet`, its readers, and the file it is kept in."""
