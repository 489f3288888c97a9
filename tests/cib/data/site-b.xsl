<?xml version="1.0" encoding="UTF-8"?>
<!-- Site B has other nodes: a preference for one of site A's is given to the corresponding one. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:template match="@* | node()">
    <xsl:copy>
      <xsl:apply-templates select="@* | node()"/>
    </xsl:copy>
  </xsl:template>
  <xsl:template match="rsc_location/@node[starts-with(., 'a')]">
    <xsl:attribute name="node">
      <xsl:value-of select="concat('b', substring(., 2))"/>
    </xsl:attribute>
  </xsl:template>
</xsl:stylesheet>
