"""The gallery of reports/: pictures, and the data behind each as csv.

python -m npusim.reports.gallery            draws all of it again
python -m npusim.reports.gallery --check    says which data are no longer what npusim computes
"""
