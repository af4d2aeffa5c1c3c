"""Words of the field and the kinds of device they speak of; makers and what they usually build.

Written from what the words mean in data sheets and MIB documents. A word counts for each class it is listed
under; `TERMS` are looked for as whole words, so compounds stand here as they are written. A maker is found
by a word of its name; its classes stand in the order of what it is best known for.
"""

import re

CLASSES = (
    "server switch router firewall wireless storage ups pdu air_conditioner environment_sensor "
    "access_control camera printer other"
).split()

TERMS: dict[str, str] = {
    "server": """server servers linux ubuntu debian centos redhat rhel fedora suse sles freebsd openbsd
        netbsd solaris sunos aix hpux darwin macos windows winnt workstation esx esxi vmware vcenter
        hypervisor proxmox xenserver kvm hyperv bmc ipmi idrac drac ilo imm xcc cimc ibmc ilom irmc
        blade bladecenter proliant poweredge primergy thinksystem integrity mainframe process
        processes mssql oracle database kernel smp gnu unix android aws ec2 cluster docker
        kubernetes asterisk mail exchange lmsensors rack tower x86 amd64 aarch64 armv7l i686
        chassismanager remoteaccess outofband appliance""",
    "switch": """switch switches switching ethernet l2 l3 layer lan vlan vlans stack stackable stacking poe
        catalyst nexus procurve comware powerconnect sfp fibrechannel fabric fc fcswitch bridge stp
        rstp dot1q dot1d nos igs managed unmanaged gigabit gbe 10g 25g 40g 100g sonic cumulus ios xe
        fastiron icx vdx exos eos ports port access edge aggregation tor campus infiniband sanswitch
        mlag lacp lldp""",
    "router": """router routers routing bgp ospf mpls isis wan gateway vpn cpe modem dsl adsl vdsl lte umts
        cellular broadband bras junos routeros vyos vyatta xr asr isr pppoe pe sdwan edge vrf ldp
        rsvp 4g 5g industrialrouter mobile sim wwan l2tp nat serialgateway wanrouter""",
    "firewall": """firewall firewalls utm ngfw fortigate fortios screenos netscreen sonicwall asa pix srx
        panos checkpoint gaia ipso pfsense opnsense securegateway ips ids intrusion threat antivirus
        antispam waf security secure ssl vpn sslvpn zone session sessions policy securityappliance
        utm ddos webfilter loadbalancer proxy mailsecurity firebox watchguard stonegate secgateway""",
    "wireless": """wireless wifi wlan ap aps accesspoint access point radio ssid bssid dot11 ieee802dot11
        80211 802 antenna rssi snr airmax airos backhaul ptp ptmp pmp microwave wimax subscriber
        basestation station canopy controller wlc client clients channel mesh sector epmp mimosa
        unifi rf txpower modulation frequency ghz ubnt link airfiber bridge""",
    "storage": """storage nas san raid array disk disks volume volumes lun luns filer tape library libraries
        drive drives enclosure hdd ssd snapshot dataontap ontap iscsi datadomain deduplication
        fileserver jbod backup autoloader ultrium lto pool zfs diskstation qts synology isilon unity
        vnx clariion equallogic nimble compellent eternus msa 3par vault controllerdisk virtualdisk
        physicaldisk spare""",
    "ups": """ups upses battery batteries uninterruptible inverter rectifier bypass smartups runtime
        charge charger galaxy powerware symmetra onbattery outage upsmib dcpower dc plant string
        battstring autonomy outputload kva netagent rectifiers telecompower powersystem monopole
        triphase onlineups smx smt""",
    "pdu": """pdu pdus outlet outlets receptacle inlet rpdu rackpdu powerstrip plug socket sockets branch
        phase breaker amps ats sts transfer switchedpdu meteredpdu epdu strip ipm cdu masterswitch
        powerdistribution powermeter energy meter bank banks circuit metered switched feed panel
        busway""",
    "air_conditioner": """hvac crac crah cooling chiller conditioner conditioning precision compressor
        condenser evaporator humidifier dehumidifier refrigerant airflow supply return setpoint inrow coolant
        aircon ahu fancoil superheat suction discharge glycol dewpoint heatexchanger liquid cdu
        coldaisle cooler heating reheat uniflair climate""",
    "environment_sensor": """environment environmental temperature temp humidity sensor sensors probe probes
        leak water smoke dry contact contacts monitor monitoring thermometer hygrometer environmux roomalert
        sensorprobe watchdog em em1 dewpoint door vibration motion airflow thermo hygro detector
        relay relays analog digital input inputs telemetry datalogger weatherstation light wireless
        tag""",
    "access_control": """badge card reader cardreader door doors lock locks turnstile wiegand entry access
        controlpanel attendance biometric fingerprint cabinetlock handle keypad elevator visitor
        intrusionpanel""",
    "camera": """camera cameras ipcamera webcam video nvr dvr encoder surveillance ptz dome onvif h264 h265
        mjpeg cctv bullet fisheye videoserver networkcamera imaging recorder stream thermalcamera""",
    "printer": """printer printers print laserjet officejet deskjet multifunction mfp copier toner ink inkjet
        laser scanner fax jetdirect prt marker supply supplies paper tray labelprinter plotter
        phaser workcentre imagerunner bizhub ecosys aficio taskalfa printserver nc pjl postscript
        pcl thermalprinter""",
    "other": """optical transport dwdm cwdm otn roadm amplifier edfa muxponder transponder olt onu ont pon
        gpon epon dslam msan multiplexer modulator demodulator transmitter receiver dvb satellite
        satcom broadcast fm tv cable cmts docsis hfc qam headend voip sip phone telephone pbx voice
        fxs fxo media converter console terminal serial kvm ntp clock timeserver gps gnss ptp1588
        grandmaster time generator genset solar pv plc controllerlogic audio intercom codec
        conference videoconference loadbalancer accelerator optimizer wanopt dns ipam dhcp probe tap
        packetbroker analyzer synchronization sdh sonet tdm e1 t1 pdh microphone amplifierpower
        rebroadcast encoder receiver tuner transcoder splitter rfid vpnconcentrator dect gsm
        radiolink trunk radio""",
}

MAKERS: dict[str, str] = {
    "server": """dell supermicro hewlett hpe proliant ibm lenovo inspur sugon fujitsu siemens quanta tyan
        gigabyte vmware microsoft redhat suse canonical oracle sun sgi cray bull nec stratus unisys
        citrix xenserver proxmox nutanix avocent raritan advantech kontron asrock wiwynn mitac
        sophos bluecoat hyve penguin silicon h3c huawei xfusion zte powerleader digitalocean
        raspberry freebsd openbsd asterisk digium sangoma avaya mitel netapp dawning phoenix ami
        aten intel nvidia""",
    "switch": """cisco arista brocade foundry extreme enterasys juniper hp hpe procurve h3c huawei 3com
        ruijie dlink tplink netgear zyxel allied alliedtelesis telesis edgecore accton delta
        mellanox nvidia cumulus moxa hirschmann belden ruggedcom siemens westermo phoenix korenix
        advantech planet edimax trendnet linksys dell force10 ubiquiti mikrotik avaya nortel alcatel
        bluenet eltex raisecom maipu bdcom dcn fiberhome qtech fscom cambium quanta alaxala hitachi
        apresia furukawa nec buffalo elecom yamaha panasonic lancom bintec lantech etherwan redlion
        ntron antaira oring perle lantronix kti omnitron mrv telco zte datacom intelbras parks
        digistar korecom dasan ubiquoss handreamnet piolink qlogic emulex mcdata cnt gandi pica8
        plexxi ixsystems opengear netonix icotera waystream packetfront telesyn centrecom volktek
        lynx atop beckhoff fortiswitch sixnet comnet ifs utepo hikvision dahua nomadix microsens
        nexans ericsson""",
    "router": """cisco juniper mikrotik huawei zte nokia alcatel-lucent timetra redback ericsson vyatta vyos
        teldat sierra cradlepoint digi peplink pepwave teltonika robustel four-faith inhand
        advantech conel racom bintec lancom avm draytek zyxel adtran patton oneaccess ekinops ciena
        yamaha nec century furukawa allied h3c maipu ruijie moxa netmodule insys welotec milesight
        proscend billion technicolor thomson sagemcom arris motorola netgear linksys dovado viprinet
        versa silverpeak velocloud talari citrix aruba 128 fatpipe ecessa riverbed ubiquiti
        edgerouter barracuda imagestream ntt paradyne tellabs cambium hytec viola garderos westermo
        nomadix""",
    "firewall": """fortinet paloalto palo checkpoint sonicwall watchguard sophos astaro cyberoam stormshield
        netasq forcepoint stonesoft barracuda clavister netscreen juniper hillstone sangfor topsec
        venustech dptech nsfocus leadsec secworld ahnlab secui pfsense netgate opnsense deciso
        endian ipfire smoothwall mcafee trendmicro tippingpoint sourcefire bluecoat symantec genua
        gateprotect rohde untangle zscaler f5 a10 radware arbor corero pulse ivanti kemp imperva
        fireeye trellix cisco hillstonenet mcafee securecomputing cyberguard zyxel quidway
        securepoint lancom kerio infoblox""",
    "wireless": """ubiquiti aruba ruckus meraki aerohive cambium motorola airespace meru xirrus symbol trapeze
        proxim alvarion ceragon dragonwave aviat siklu mimosa radwin ligowave deliberant infinet
        bridgewave exalt trango airspan redline tranzeo teltronic mikrotik huawei tplink engenius
        senao ubnt extricom bluesocket chantry siae sial intracom nec ericsson racom alcoma eband
        elva lightpointe ignitenet edgecore grandstream ruijie stellar openmesh adtran netgear
        peplink fortinet zebra extreme airmux ubiquitinetworks wavion telrad vislink hyperwave
        cableradio mwlink airlive lancom ubifi purewave runcom wipipe""",
    "storage": """netapp emc dell equallogic compellent nimble pure purestorage synology qnap buffalo thecus
        asustor netgear readynas infortrend promise areca adaptec lsi engenio dothill dot hill
        overland quantum exabyte spectra tandberg adic storagetek hitachi hds fujitsu eternus
        datadomain isilon nexenta ixsystems freenas truenas tintri violin nexsan drobo seagate
        western wd macrosan huawei huasan hpe 3par lefthand panasas ddn datadirect scality exagrid
        falconstor qsan proware eurostor xyratex rorke lacie iomega oceanstor qualstar actidata""",
    "ups": """apc american eaton powerware mge liebert emerson vertiv socomec riello aros borri delta
        chloride tripp tripplite cyberpower cyber legrand salicru piller gutor benning kstar kehua
        east santak eltek enersys generex megatec voltronic ablerex invensys newave abb effekta
        xantrex powercom powervar minuteman toshiba mitsubishi fuji alpha falcon inform makelsan
        tescom netpower phoenixtec cet victron argus cordex unipower rectifier efore microset valere
        comap ultron elteco emersonnetwork enatel nmsystems jel powerone mcgraw polycom huawei
        netsure zpower meanwell gamatronic upsonic centralion""",
    "pdu": """raritan servertech server geist panduit enlogic apc eaton vertiv avocent cyberpower rittal
        knurr gude netio baytech wti western dataprobe synaccess bachmann schleifenbauer minkels
        conteg chatsworth pulizzi aten loggers eltek leviton sentry powertek nplus austin hughes
        infrapower elecsys riedo rielo hpe hp legrand trendpoint packetpower tripp tripplite lenovo
        inspired dell sinetica racktivity bluenet janitza socomec accuenergy satec janz iboot alpine
        schneider netbooter""",
    "air_conditioner": """stulz liebert emerson vertiv uniflair schneider rittal climaveneta carrier daikin
        trane york carel airedale denco hiross group mitsubishi envicool canatal hisense gree emicon swegon
        weiss knuerr coolitsystems coolcentric motivair aire dataaire compu airsys bacnet tecnair
        hiref pego eurotherm dantherm""",
    "environment_sensor": """akcp avtech hwg hwgroup geist watchdog sensatronics netbotz apc sensaphone
        jacarta ravica didactum kentix gude networktechnologies nti papouch comet teracom tinycontrol poseidon
        itwatchdogs sensorprobe wiesemann monnit vutlan omega temptrakr cyberpower rittal cmc
        raritan eltek roomalert pcmeasure messpc infratec serverscheck tinkerforge allnet minkels
        esensors weathergoose websensor winland ipthermo areus netping nettemp campbell vaisala
        rotronic siebert betterbox dpstele asentria westronic badger packetpower rle ttk tycon
        controlbyweb papago airtame""",
    "access_control": """hid assa abloy mercury lenel honeywell suprema zkteco kaba dormakaba salto paxton
        gallagher keri ccure tyco emka southco paxton nedap axxess idteck""",
    "camera": """axis hikvision dahua uniview bosch hanwha samsung vivotek mobotix arecont avigilon sony
        panasonic pelco acti geovision flir milesight tvt tiandy infinova basler geutebruck
        dallmeier honeywell verint indigovision grandstream foscam reolink canon jvc ganz cohu iqeye
        siqura""",
    "printer": """brother canon epson hewlett hp lexmark kyocera ricoh xerox konica minolta sharp oki okidata
        toshiba zebra samsung panasonic lanier savin nashuatec gestetner dell fuji fujifilm develop
        olivetti utax intermec sato datamax printronix genicom qms tektronix citizen bixolon riso
        kodak oce pantum triumph adler tsc godex honeywell imagistics muratec infotec dymo primera
        axiohm dascom""",
    "other": """ciena adva infinera ekinops fiberhome padtek smartoptics transmode packetlight calix adtran
        dasan zhone iskratel keymile nokia huawei zte alcatel ecitele eci tejas harmonic arris
        motorola casa scientific atlanta teleste wisi terra televes triax ateme appear evertz
        imagine ross nevion netinsight tandberg ericsson cisco-sa scopus rohde schwarz plisch nautel
        inovonics 2wcom worldcast orban audemat deva gatesair comtech newtec gilat hughes viasat
        idirect advantech peplink polycom lifesize tandbergtv avaya mitel snom yealink grandstream
        audiocodes patton sonus ribbon oracle-sbc acme genband dialogic sangoma meinberg symmetricom
        microsemi spectracom endrun oscilloquartz elproma galsys gorgy brandywine timetools tekron
        opengear lantronix cyclades digi perle moxa raritan adder infoblox efficientip bluecat f5
        a10 citrix kemp radware riverbed exinda packeteer blue coat sandvine procera netscout
        gigamon ixia keysight vss apcon comap deepsea sma fronius janitza siemens beckhoff wago abb
        schweitzer barco crestron extron amx qsc biamp kramer lightware crestronelectronics jinan
        westermo albentia vigintos dkt raisecom lumentum cyan coriant btisystems transmode ceragon
        omnitron mrv telco bktel cobham hytera tait motorola-solutions exfo viavi""",
}


def _table(source: dict[str, str], more: int) -> dict[str, dict[str, float]]:
    """Word -> class -> weight: the more classes share a word, the less it says of each."""
    found: dict[str, dict[str, float]] = {}
    for name, words in source.items():
        for word in dict.fromkeys(words.split()):
            found.setdefault(word, {})[name] = 1.0
    for classes in found.values():
        for name in classes:
            classes[name] = 1.0 / (len(classes) ** 0.5) if len(classes) <= more else 0.3
    return found


LINES: dict[str, str] = {
    "server": r"""poweredge|proliant|primergy|thinksystem sr|thinkserver|system x|bladecenter|
        idrac|\bdrac|ilo ?\d|integrated lights.?out|imana|\bibmc|\bcimc|\bilom\b|
        \birmc|\bbmc\b|ipmi|vmware esx|esxi|windows.*version|sparc|solaris|sunos|
        aix version|hp-ux|ia64|darwin kernel|freebsd|openbsd|netbsd|centos|ubuntu|
        debian|red ?hat|xenserver|proxmox|nutanix|hyperflex|fusionserver""",
    "switch": r"""catalyst|nexus|nx-os|\bc(2[39]|3[5678]|45|49|65|9[234])\d\d\b|\bws-c\d|
        \bie-?\d{4}|\bs[1-9]\d{3}[a-z]?-|\bce\d{4,5}|cloudengine|quidway s\d|procurve|
        \bj\d{4}a|aruba (2\d{3}|3\d{3}|5\d{3}|6\d{3}|8\d{3}|cx)|powerconnect|\bn[1-4]\d{3}\b|
        \bd(es|gs|xs)-\d|\bgs\d{3,4}|\bm[45]\d{3}|\bqfx|\bex[2349]\d{3}|summit|
        \bx[4-8][3-9]\d-|extremexos|voss|fastiron|\bicx|\bvdx|bigiron|turboiron|
        dcs-7|arista.*switch|omniswitch|\bos6\d{3}|rackswitch|force10|\bftos|dell.*(os10|networking)|
        cumulus|\bsonic\b|ethernet switch|managed switch|smart switch|fibre ?channel switch|
        mds 9|brocade [34567]|silkworm|sanbox|infiniband|edgeswitch|\busw?-|\bt[l1-3]\d{4}|
        jetstream|\bsg\d{3}|\bsf\d{3}|\bcbs\d|\bcrs\d{3}|\bcss\d{3}|\beds-|\bsds-|
        \biks-|scalance x|rsg?\d{4}|ruggedcom rs|mach\d|octopus""",
    "router": r"""\b(isr|asr|ncs|crs-|csr|gsr)\d*\b|ios.?xr|\bc(8|17|18|19|26|28|29|38|39|72|73|75|76)\d\d\b|
        versatile routing.*\b(ar|ne)\d|\b(ar|ne)\d{2,4}[a-z]?\b|\bmx\d{2,4}|\bptx|
        \bacx\d|\be(rx|320)|\bsr-?\d{1,4}[es]?\b|7[27]50|timos|smartedge|vyos|vyatta|
        edgeos|edgerouter|routeros|\bccr\d|\brb\d|\bhex\b|vigor|airlink|cradlepoint|
        \bibr\d|transport wr|\brut\d|\brutx|peplink|viptela|vedge|silver ?peak|
        steelconnect|\bmsr\d|netengine|zxr10 (m6|18|zsr)|openwrt|dd-wrt|tomato|
        mobile router|lte (router|gateway)|cellular (router|gateway)|adsl|\bdsl|
        router""",
    "firewall": r"""fortigate|\bfg\d|pan-os|palo alto|\bpa-\d|\bvm-\d00|sonicwall|\bnsa \d|
        \btz ?\d|\basa ?\d|adaptive security|firepower|\bfpr|\bpix\b|\bsrx|screenos|
        netscreen|\bssg|check ?point|\bgaia|\bipso|secureplatform|watchguard|firebox|
        \bxtm|pfsense|opnsense|stormshield|netasq|\bsophos|astaro|\butm|\busg\d|
        \beudemon|hillstone|\bsg-6000|clavister|stonegate|forcepoint|barracuda|
        \bwaf\b|intrusion|proxysg|\bfirewall""",
    "wireless": r"""aironet|\bair-|\bap[0-9]{2,4}|access ?point|wireless|wlan|wi-?fi|\bwlc|
        airmax|airfiber|nano(station|beam|bridge)|rocket ?m|litebeam|powerbeam|
        \buap|unifi ap|canopy|epmp|\bpmp ?\d|\bptp ?\d|cnpilot|mimosa|radwin|winlink|
        airmux|ceragon|ip-10|ip-20|evolution|wtm|harmony|horizon|alfoplus|microwave|
        backhaul|base station|\biap|aruba ?os|instant|zoneflex|zonedirector|smartzone|
        hiveap|\bmeru|instantwave|infinet|ligo|tsunami|orinoco""",
    "storage": r"""synology|diskstation|rackstation|\bqnap|\bts-\d|readynas|terastation|linkstation|
        freenas|truenas|nexenta|data ontap|netapp|isilon|onefs|equallogic|compellent|
        powervault|\bunity\b|vnx|clariion|datadomain|data domain|3par|\bmsa ?\d|
        msl\d|nimble|pure storage|purity|oceanstor|eternus|infortrend|eonstor|areca|
        raid|nas\b|tape|library|storeonce|scalar|overland|storwize|\bds\d{4}|\bsan (storage|array)""",
    "ups": r"""smart-?ups|symmetra|galaxy|back-?ups|\bups|ups\b|uninterrupt|powerware|
        \b9[13]\d\w|liebert g|liebert n|\bgxt|\bnxc|netsure|rectifier|webpro|rmcard|
        netagent|snmp/web adapter|cs1[24]1|netvision|masterys|trimod|keor|dc power|
        battery""",
    "pdu": r"""\bpdu|pdu\b|rack ?pdu|masterswitch|switched rack|metered|power ?strip|\bipdu|
        \bepdu|px[23]?-|dominion px|power distribution|transfer switch|\bats\b|
        outlet|\bpower manager|energy meter|power meter|sentry|ip power|netbooter|
        branch circuit""",
    "air_conditioner": r"""inrow|\bacrc|\bacrd|uniflair|\bcrac|\bcrah|crv|liebert
        (cw|ds|pcw|pdx|hpc|deluxe|challenger)| air.?condition|chiller|cool(ing|er)|wib ?\d|stulz|precision
        air|hvac|ac unit""",
    "environment_sensor": r"""netbotz|environment|enviromux|roomalert|room alert|sensorprobe|poseidon|
        damocles|\bste\d?\b|watchdog ?\d|temperature|temp(er)?.?hum|thermo|humidity|
        sensor|cmc.?(iii|tc)|weathergoose|climate monitor|didactum|papago|th2e|
        tme\b|netping|hwg-|web.?thermo|web.?graph""",
    "camera": r"""network camera|ip ?camera|\bcamera|\bptz|\bdome|video encoder|video server|
        \bnvr|\bdvr|dinion|flexidome|autodome|mobotix|surveillance|ds-[27]|bullet""",
    "printer": r"""printer|laserjet|deskjet|officejet|jetdirect|phaser|workcentre|versalink|
        altalink|aficio|ricoh [ms]p|mp c?\d{3,4}|bizhub|ecosys|taskalfa|kyocera (?:fs|km|print)|
        \bmfc-|\bdcp-|\bhl-|lexmark|imagerunner|i-sensys|lbp|\bmfp|workforce|stylus|
        oki ?data|\bzt\d{3}|\bzd\d{3}|ztc|intermec|print server|colorqube|docucentre|
        e-studio""",
    "access_control": r"""door control|access control(ler)? (unit|panel|board)|card reader|\bbadge|
        biometric|turnstile|intercom|door station|ip ?station""",
    "other": r"""dwdm|otn|optical|\boadm|edfa|\bolt\b|\bonu|gpon|epon|dslam|msan|isam|cmts|
        docsis|cable modem|modulator|satellite|transmitter|receiver|encoder|dvb|
        terminal server|console server|serial (device )?server|media converter|
        load ?balanc|big-ip|netscaler|\badc|time ?server|ntp|lantime|grandmaster|
        gps|voip|sip|pbx|phone|ata\b|fxs|session border|media gateway|conferenc|
        projector|generator|genset|inverter|solar|kvm|infoblox|trinzic|wan ?opt|
        steelhead|packet ?broker|demarcation|\bnid\b|\bplc\b""",
}
PATTERNS = {
    name: re.compile("".join(text.split("\n        ")), re.IGNORECASE) for name, text in LINES.items()
}
EVERYDAY = frozenset(
    """networks network systems system technologies technology data digital communications communication
    international electronics electronic solutions software inc corp ltd co group power company products
    industries research division limited gmbh telecom telecommunications information computer""".split()
)
WORDS = _table(TERMS, 4)
MAKER_WORDS = _table(MAKERS, 5)
