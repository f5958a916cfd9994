"""A compiled bulletin as files: JSON, XLSX, HTML, DOCX, PDF. Layout only; no figure is computed."""
