-- A word that stands in a title is found without reading every article that holds it.

CREATE INDEX article_titles ON article_version USING gin (ts_filter(words, '{a}'))
    WHERE state = 'approved';
